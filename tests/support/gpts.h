// Small GPTs for tests, with the layers of GPT-2 and with the layers of Llama.
#pragma once
#include <string>
#include <utility>

#include "vitro.h"

namespace vitro::testing {

inline constexpr models::GPTConfig kSmallGPT{
    .block_size = 12, .vocab_size = 19, .n_layer = 2, .n_head = 4, .n_embd = 16};

// The same size, with the layers of Llama.
inline models::GPTConfig small_llama() {
  models::GPTConfig c = kSmallGPT;
  c.bias = false, c.n_kv_head = 2, c.n_inner = 24, c.tied_head = false;
  c.norm = models::NormKind::kRMSNorm;
  c.position = models::PositionKind::kRotary;
  c.mlp = models::MLPKind::kSwiGLU;
  return c;
}
inline const std::pair<const char*, models::GPTConfig> kSmallGPTs[] = {{"GPT-2", kSmallGPT},
                                                                       {"Llama", small_llama()}};

inline Tensor small_gpt_ids(int64_t batch, int64_t time) {
  return randint(0, kSmallGPT.vocab_size, {batch, time}, kInt64);
}

// A model with noise from N(0, noise^2) added to its initial weights, so that every layer changes
// the result.
inline models::GPT noisy_gpt(const models::GPTConfig& config, double noise, uint64_t seed = 3) {
  manual_seed(seed);
  models::GPT model(config);
  NoGradGuard unrecorded;
  for (auto& [name, p] : model.named_parameters()) p.add_(randn(p.shape()) * noise);
  return model;
}

}  // namespace vitro::testing
