// Models in the layout of Hugging Face: a directory with config.json and model.safetensors.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "../../framework/nn/module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct PretrainedOptions {
  std::optional<DType> dtype = {};     // of the weights; else the files' (float16: float32)
  std::optional<double> dropout = {};  // instead of config.json's three
};

// What a loaded model remembers of its files: saved as it was loaded it gives the same bytes.
struct PretrainedLayout {
  std::string config_json = {};  // as it stood in config.json
  bool has_prefix = true;        // whether names begin with "transformer."
  bool has_head = false;         // whether a tied lm_head.weight stands there too
  nn::NamedTensors masks = {};   // h.N.attn.bias, h.N.attn.masked_bias
  std::map<std::string, std::string> metadata = {{"format", "pt"}};  // of model.safetensors

  std::optional<int64_t> eos_token_id() const;  // which config.json names
};

}  // namespace models
}  // namespace vitro
