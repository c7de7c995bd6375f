// A model's configuration as JSON, as checkpoints carry it.
#pragma once
#include "mini_lm.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "mini", "vocab_size": ..., "n_embd": ..., ...}
std::string to_json(const MiniLMConfig& config);
// IoError for what is no such object: missing, unknown or impossible fields.
MiniLMConfig mini_lm_config(const std::string& json);

// "none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"
std::string activation_name(Activation f);
Activation activation_of(const std::string& name);  // ValueError lists the names

}  // namespace models
}  // namespace vitro
