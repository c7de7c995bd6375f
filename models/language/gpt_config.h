// GPT's configuration as JSON, in the form that vitro's own checkpoints hold.
#pragma once
#include <string>

#include "gpt.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "gpt", "block_size": ..., "vocab_size": ..., ...}
std::string to_json(const GPTConfig& config);
// Reads such an object.  IoError for a missing, unknown or impossible field, or for other JSON.
GPTConfig gpt_config(const std::string& json);

// How many parameters the model has; a tied head counts once.  In double, because absurd sizes in a
// file exceed every integer.
double parameter_count(const GPTConfig& config);
// How many bytes training takes with batches of `tokens` tokens: an estimate, rather too high.
double training_bytes(const GPTConfig& config, int64_t tokens, DType dtype);

}  // namespace models
}  // namespace vitro
