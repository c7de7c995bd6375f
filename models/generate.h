// Text generation: logits -> the next token -> the text so far, one token longer -> logits ...
#pragma once
#include <functional>

#include "../framework/module.h"
#include "sampling.h"
#include "text/tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// ids and what `model` (ids (T) -> logits (T, V)) continues them with, an end token included.
// `on_token` sees each new id; it ends the text by returning false.  Its first call comes when the
// prompt has been read.  Dropout is the caller's business: model.eval().
std::vector<int64_t> generate(nn::Module& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t id)>& on_token = {});

// The continuation of `prompt` as text, without the end token and from a stop string on; `on_token`
// sees each id with the text that it adds, which may be none: what could begin a stop string is
// held back until it is decided.
std::string generate_text(
    nn::Module& model, const text::Tokenizer& tokenizer, const std::string& prompt,
    const GenerateOptions& options,
    const std::function<bool(int64_t id, const std::string& text)>& on_token = {});

}  // namespace models
}  // namespace vitro
