// Writes GPT's configuration as the JSON of vitro's own checkpoints, and reads it.
#pragma once
#include <string>

#include "gpt.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "gpt", "block_size": ..., "vocab_size": ..., ...}
std::string to_json(const GPTConfig& config);
// Reads such an object.  IoError for a missing, unknown or impossible field, or for other JSON.
GPTConfig gpt_config(const std::string& json);

// Returns the number of parameters; a tied head counts once.  It is a double, because wrong sizes
// in a file can give a number that no integer type can represent.
double parameter_count(const GPTConfig& config);
// Estimates how many bytes training takes with batches of `tokens` tokens; rather too high.
double training_bytes(const GPTConfig& config, int64_t tokens, DType dtype);

}  // namespace models
}  // namespace vitro
