// generation_config.json as Hugging Face's transformers write it.
#pragma once
#include <string>

#include "models/language/generate_options.h"

namespace vitro::models {

// How the file wants texts to be generated.  IoError, beginning with `name`, for every field that
// asks for another way of generating, and for a field that is unknown.
GenerateOptions parse_generation_config(const std::string& json, const std::string& name);
// The same of a model's config.json, where older directories say it among other things.
GenerateOptions generation_of_config(const std::string& json, const std::string& name);

}  // namespace vitro::models
