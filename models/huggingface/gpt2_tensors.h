// The names and shapes of GPT-2's tensors in Hugging Face's files.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/language/gpt.h"

namespace vitro::models {

// One tensor of a file.
struct FileTensor {
  std::string name;    // without prefix: its path in the model
  Shape shape;         // in the file
  bool is_transposed;  // true for Conv1D, whose weight is (in, out)
};

inline constexpr int64_t kTensorsPerLayer = 12;
// Returns the tensors of a model with the first `layers` layers.  lm_head.weight comes last; the
// file may lack it if the head is tied.
std::vector<FileTensor> gpt2_tensors(const GPTConfig& config, int64_t layers);

// Returns the name without "transformer." and without "_orig_mod.", which torch.compile adds.
std::string_view without_prefix(std::string_view name);
inline constexpr std::string_view kPrefix = "transformer.", kHead = "lm_head.weight";

// Returns N for a name h.N.*, else nothing.
std::optional<int64_t> layer_of(std::string_view name);
// Returns whether a name is h.N.attn.bias or h.N.attn.masked_bias with N < layers.  Older files
// have the causal mask under these names.
bool is_mask(std::string_view name, int64_t layers);

}  // namespace vitro::models
