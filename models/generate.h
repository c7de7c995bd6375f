// Text generation: logits -> the next token -> the text so far, one token longer -> logits ...
#pragma once
#include "../framework/module.h"
#include "text/tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct GenerateOptions {
  int64_t max_new_tokens = 100;
  bool do_sample = false;             // else the likeliest token, the first of equals
  double temperature = 1;             // logits are divided by it before sampling
  std::optional<int64_t> top_k = {};  // sample among the k likeliest only
  std::optional<uint64_t> seed = {};  // of the sampling; without one, the default generator draws
  std::optional<int64_t> eos_token_id = {};  // ends the text
  int64_t block_size = 0;                    // how many of the last ids the model is given; 0: all
};

// The k likeliest next tokens, k = min(top_k, V), the likeliest first: their probabilities
// softmax(logits / temperature) among these k, float64, and their ids.  logits (V) -> (k), (k).
ValuesAndIndices likeliest_tokens(const Tensor& logits, double temperature,
                                  std::optional<int64_t> top_k);

// The id that follows, from logits (V).  ValueError for options that make no sense.
int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator);

// ids and what `model` (ids (T) -> logits (T, V)) continues them with.  `on_token` sees each new
// id; it ends the text by returning false.
std::vector<int64_t> generate(nn::Module& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t id)>& on_token = {});

// The continuation of `prompt` as text; `on_token` sees each id with the text that it adds.
std::string generate_text(
    nn::Module& model, const text::Tokenizer& tokenizer, const std::string& prompt,
    const GenerateOptions& options,
    const std::function<bool(int64_t id, const std::string& text)>& on_token = {});

}  // namespace models
}  // namespace vitro
