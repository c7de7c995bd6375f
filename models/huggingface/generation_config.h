// Reads generation_config.json, which Hugging Face's transformers write.
#pragma once
#include <string>

#include "models/language/generate_options.h"

namespace vitro::models {

// Returns the options in the file.  IoError, beginning with `name`, for a field that asks for a way
// of generating that vitro does not have, and for an unknown field.
GenerateOptions parse_generation_config(const std::string& json, const std::string& name);
// Does the same for a model's config.json, which has these fields among others in older
// directories.  Unknown fields are allowed.
GenerateOptions generation_of_config(const std::string& json, const std::string& name);

}  // namespace vitro::models
