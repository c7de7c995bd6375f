// Reads and writes config.json of GPT-2 in the form of Hugging Face's transformers.
#pragma once
#include <string>

#include "models/language/gpt.h"

namespace vitro::models {

// Returns the configuration.  IoError, beginning with `name`, for another architecture, and for a
// field that needs a computation that GPT does not have.  Fields that do not change the computation
// are ignored.  block_size is 0 if no field gives it.
GPTConfig parse_gpt2_config(const std::string& json, const std::string& name);

// Returns the text of config.json.  `before` is the text of an earlier config.json; if it is not
// empty, only the fields that differ are changed.  `end_of_text` becomes bos_token_id and
// eos_token_id where `before` has none.
std::string gpt2_config_json(const GPTConfig& config, DType dtype, const std::string& before,
                             std::optional<int64_t> end_of_text);

}  // namespace vitro::models
