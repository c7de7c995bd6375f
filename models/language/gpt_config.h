// GPT's configuration as JSON, as vitro's own checkpoints carry it.
#pragma once
#include <string>

#include "gpt.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// {"model_type": "gpt", "block_size": ..., "vocab_size": ..., ...}
std::string to_json(const GPTConfig& config);
// IoError for what is no such object: missing, unknown or impossible fields.
GPTConfig gpt_config(const std::string& json);

// How many parameters the model has, a tied head once.  Nonsense may be more than an integer holds.
double parameter_count(const GPTConfig& config);
// What training takes whose batches have so many tokens; rather too much than too little.
double training_bytes(const GPTConfig& config, int64_t tokens, DType dtype);

}  // namespace models
}  // namespace vitro
