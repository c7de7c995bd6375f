// The tensors of a GPT-2 as Hugging Face's files hold them: names and shapes.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/language/gpt.h"

namespace vitro::models {

struct FileTensor {
  std::string name;    // without prefix: the model's own path
  Shape shape;         // in the file
  bool is_transposed;  // Conv1D keeps its weight as (in, out)
};

inline constexpr int64_t kTensorsPerLayer = 12;
// Of its first `layers` layers; lm_head.weight, which a tied head may lack, comes last.
std::vector<FileTensor> gpt2_tensors(const GPTConfig& config, int64_t layers);

// The name without "transformer." and without what torch.compile puts before it.
std::string_view without_prefix(std::string_view name);
inline constexpr std::string_view kPrefix = "transformer.", kHead = "lm_head.weight";

// N of h.N.*.
std::optional<int64_t> layer_of(std::string_view name);
// h.N.attn.bias and h.N.attn.masked_bias, N < layers: the causal mask, which older files hold.
bool is_mask(std::string_view name, int64_t layers);

}  // namespace vitro::models
