// From options to the things they name: the text, its tokenizer, the model.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/options.h"

namespace vitro::cli {

// A text and the tokenizer fitted to it.
struct Source {
  std::string name;  // for people: "the bundled stories", or the file
  std::string text;
  std::unique_ptr<text::Tokenizer> tokenizer;
};
Source read_source(const TextOptions& options);

// The ids of what the user typed.  UsageError if that is no text.
std::vector<int64_t> encode_prompt(const text::Tokenizer& tokenizer, const std::string& prompt);

// A MiniLM with random weights drawn from the seed.  `rows` positions will pass through it, and
// each parameter will need `bytes` for its copies: MemoryError if the machine cannot hold that.
models::MiniLM make_model(const ModelOptions& options, const text::Tokenizer& tokenizer,
                          int64_t rows, int64_t bytes);

// Two lines that say what the model is, and that nobody trained it.
std::string introduce(const ModelOptions& options, const Source& source);
nlohmann::ordered_json to_json(const ModelOptions& options);

constexpr const char* kActivations[] = {"none", "relu",      "tanh", "sigmoid",
                                        "gelu", "gelu_tanh", "silu"};  // as Activation counts

}  // namespace vitro::cli
