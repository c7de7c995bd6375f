// A model's configuration as JSON, as checkpoints carry it.
#pragma once
#include <memory>

#include "mini_lm.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "mini", "vocab_size": ..., "n_embd": ..., ...}
std::string to_json(const MiniLMConfig& config);
// IoError for what is no such object: missing, unknown or impossible fields.
MiniLMConfig mini_lm_config(const std::string& json);

// A model made from its configuration, with random weights.
struct LanguageModel {
  std::unique_ptr<nn::Module> module;  // ids (..., T) -> logits (..., T, V)
  int64_t vocab_size;
  int64_t window;  // how many tokens back it looks
};
LanguageModel make_model(const std::string& config_json);

// "none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"
std::string activation_name(Activation f);
Activation activation_of(const std::string& name);  // ValueError lists the names

}  // namespace models
}  // namespace vitro
