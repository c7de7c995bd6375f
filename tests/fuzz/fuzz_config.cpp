// Reads any bytes as a configuration.  The result must be an IoError, or a configuration that is
// the same after it is written and read again.
#include <cstdlib>

#include "models/huggingface/generation_config.h"
#include "models/huggingface/gpt2_config.h"
#include "vitro.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vitro;
  const std::string json(reinterpret_cast<const char*>(data), size);
  try {
    const models::GPTConfig config = models::gpt_config(json);
    if (models::gpt_config(models::to_json(config)) != config) std::abort();
  } catch (const IoError&) {}
  try {
    const models::GPTConfig config = models::parse_gpt2_config(json, "fuzz");
    for (const std::string& before : {json, std::string()}) {
      const std::string written = models::gpt2_config_json(config, kFloat64, before, 7);
      if (models::parse_gpt2_config(written, "written") != config) std::abort();
    }
  } catch (const IoError&) {}
  try {
    models::check_options(models::parse_generation_config(json, "fuzz"));
  } catch (const IoError&) {}
  try {
    models::check_options(models::generation_of_config(json, "fuzz"));
  } catch (const IoError&) {}
  return 0;
}
