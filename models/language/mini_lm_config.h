// MiniLM's configuration, and as JSON, as checkpoints carry it.
#pragma once
#include <cstdint>
#include <string>

#include "../../framework/base/activation.h"
#include "../../framework/base/dtype.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct MiniLMConfig {
  int64_t vocab_size = 0;
  int64_t n_embd = 64;
  int64_t n_hidden = 256;
  int64_t context = 1;
  Activation activation = Activation::kGelu;
  double dropout = 0;  // of the hidden activations, while training
};

// {"model_type": "mini", "vocab_size": ..., "n_embd": ..., ...}
std::string to_json(const MiniLMConfig& config);
// IoError for what is no such object: missing, unknown or impossible fields.
MiniLMConfig mini_lm_config(const std::string& json);

// "MiniLM(context 8, n_embd 32, n_hidden 1024, gelu, vocabulary 65)"
std::string describe(const MiniLMConfig& config);

// In double: nonsense may be more than an integer holds.
double parameter_count(const MiniLMConfig& config);
double training_bytes(const MiniLMConfig& config, int64_t tokens, DType dtype);

}  // namespace models
}  // namespace vitro
