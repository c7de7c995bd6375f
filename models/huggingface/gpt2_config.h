// config.json as Hugging Face's transformers write it for GPT-2.
#pragma once
#include <string>

#include "models/language/gpt.h"

namespace vitro::models {

// IoError, beginning with `name`, for another architecture, and for every field that asks for
// another computation than GPT's; fields that are none of its business may say what they want.
// The block_size is 0 where no field tells it.
GPTConfig parse_gpt2_config(const std::string& json, const std::string& name);

// The text for a model of this configuration: `before`, where there is one, with only those fields
// changed that say otherwise.  `end_of_text` is the id that begins and ends texts, where `before`
// names none.
std::string gpt2_config_json(const GPTConfig& config, DType dtype, const std::string& before,
                             std::optional<int64_t> end_of_text);

}  // namespace vitro::models
