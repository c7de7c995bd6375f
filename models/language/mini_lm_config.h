// MiniLMConfig: the sizes of a MiniLM, which checkpoints store as JSON.
#pragma once
#include <cstdint>
#include <string>

#include "../../framework/base/activation.h"
#include "../../framework/base/dtype.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// The configuration of a MiniLM.
struct MiniLMConfig {
  int64_t vocab_size = 0;                     // V
  int64_t n_embd = 64;                        // E, the size of an embedding
  int64_t n_hidden = 256;                     // H, the size of the hidden layer
  int64_t context = 1;                        // k, how many tokens the model sees
  Activation activation = Activation::kGelu;  // of the hidden layer
  double dropout = 0;                         // of the hidden activations, while training
};

// {"model_type": "mini", "vocab_size": ..., "n_embd": ..., ...}
std::string to_json(const MiniLMConfig& config);
// Reads such an object.  IoError for a missing, unknown or impossible field, or for other JSON.
MiniLMConfig mini_lm_config(const std::string& json);

// "MiniLM(context 8, n_embd 32, n_hidden 1024, gelu, vocabulary 65)"
std::string describe(const MiniLMConfig& config);

// The number of parameters, and an estimate of the bytes that training takes with batches of
// `tokens` tokens.  They are double, because wrong sizes in a file can give numbers that no integer
// type can represent.
double parameter_count(const MiniLMConfig& config);
double training_bytes(const MiniLMConfig& config, int64_t tokens, DType dtype);

}  // namespace models
}  // namespace vitro
