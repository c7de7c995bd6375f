// A model from its configuration as JSON, as checkpoints carry it.
#pragma once
#include <memory>

#include "gpt_config.h"
#include "mini_lm.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "mini", "vocab_size": ..., "n_embd": ..., ...}
std::string to_json(const MiniLMConfig& config);
// IoError for what is no such object: missing, unknown or impossible fields.
MiniLMConfig mini_lm_config(const std::string& json);

// As of a GPTConfig; and of the JSON of either.
double parameter_count(const MiniLMConfig& config);
double parameter_count(const std::string& config_json);

// A model made from its configuration, MiniLM or GPT by its model_type.
struct LanguageModel {
  std::unique_ptr<nn::Module> module;  // ids (..., T) -> logits (..., T, V)
  int64_t vocab_size;
  int64_t window;  // how many tokens back it looks
};
// IoError for a configuration that is neither's.  Without initial values a GPT holds whatever the
// memory did, for who loads it.
LanguageModel make_model(const std::string& config_json,
                         InitialValues values = InitialValues::kRandom);

}  // namespace models
}  // namespace vitro
