// Reads generation_config.json, which Hugging Face's transformers write.
#pragma once
#include <string>

#include "models/language/generate_options.h"

namespace vitro::models {

// Returns the options in the file.  IoError, beginning with `name`, for an unknown field, and for a
// field that selects a generation method that vitro does not have.
GenerateOptions parse_generation_config(const std::string& json, const std::string& name);
// Does the same for a model's config.json, which in older directories has these fields too.
// Unknown fields are allowed.
GenerateOptions generation_of_config(const std::string& json, const std::string& name);

}  // namespace vitro::models
