// config.json as Hugging Face's transformers write it for GPT-2.
#pragma once
#include <string>

#include "models/gpt.h"

namespace vitro::models {

struct GPT2Config {
  GPTConfig model;  // its dropout is resid_pdrop
  double embd_pdrop = 0, attn_pdrop = 0;
  bool operator==(const GPT2Config&) const = default;
};

// IoError, beginning with `name`, for another architecture, and for every field that asks for
// another computation than GPT's; fields that are none of its business may say what they want.
GPT2Config parse_gpt2_config(const std::string& json, const std::string& name);

// The text for a model of this configuration: `before`, where there is one, with only those fields
// changed that say otherwise.
std::string gpt2_config_json(const GPT2Config& config, DType dtype, const std::string& before);

}  // namespace vitro::models
