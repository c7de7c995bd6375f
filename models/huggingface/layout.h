// PretrainedLayout: details of the files in Hugging Face's layout that a model was loaded from.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "../../framework/tensor/named_tensors.h"
#include "../language/generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// With these details, a model that is saved unchanged gives the same bytes as the loaded files.
struct PretrainedLayout {
  std::string config_json = {};      // the text of config.json
  std::string generation_json = {};  // the text of generation_config.json; empty if there was none
  bool has_prefix = true;            // whether names begin with "transformer."
  bool has_head = false;             // whether the file has lm_head.weight although it is tied
  NamedTensors masks = {};           // h.N.attn.bias, h.N.attn.masked_bias
  std::map<std::string, std::string> metadata = {{"format", "pt"}};  // of model.safetensors

  // Returns the first eos_token_id of generate_options(), if there is one.
  std::optional<int64_t> eos_token_id() const;
  // Returns the options in generation_config.json, or, without this file, in config.json.  IoError
  // for options that vitro does not have.
  GenerateOptions generate_options() const;
};

}  // namespace models
}  // namespace vitro
