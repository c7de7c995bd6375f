// A loaded model remembers here how its files in Hugging Face's layout looked.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "../../framework/tensor/named_tensors.h"
#include "../language/generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// A model that is saved as it was loaded gives the same bytes.
struct PretrainedLayout {
  std::string config_json = {};      // as it stood in config.json
  std::string generation_json = {};  // as it stood in generation_config.json; empty: there was none
  bool has_prefix = true;            // whether names begin with "transformer."
  bool has_head = false;             // whether a tied lm_head.weight stands there too
  NamedTensors masks = {};           // h.N.attn.bias, h.N.attn.masked_bias
  std::map<std::string, std::string> metadata = {{"format", "pt"}};  // of model.safetensors

  std::optional<int64_t> eos_token_id() const;  // the first that generate_options() has
  // The options in generation_config.json, or else in config.json.  IoError for those that vitro
  // does not have.
  GenerateOptions generate_options() const;
};

}  // namespace models
}  // namespace vitro
