// Configurations to JSON and back.
#include "models/language/model_file.h"

#include "models/language/config_fields.h"

namespace vitro::models {

std::string to_json(const MiniLMConfig& c) {
  return nlohmann::ordered_json{
      {"model_type", "mini"}, {"vocab_size", c.vocab_size},
      {"n_embd", c.n_embd},   {"n_hidden", c.n_hidden},
      {"context", c.context}, {"activation", activation_name(c.activation)},
      {"dropout", c.dropout}}
      .dump();
}

MiniLMConfig mini_lm_config(const std::string& json) {
  ConfigFields fields(json, "config");
  if (fields.text("model_type") != "mini") fields.refuse("model_type mini expected");
  MiniLMConfig config{.vocab_size = fields.size("vocab_size"),
                      .n_embd = fields.size("n_embd"),
                      .n_hidden = fields.size("n_hidden"),
                      .context = fields.size("context"),
                      .dropout = fields.number("dropout", 0, 1)};
  try {
    config.activation = activation_of(fields.text("activation"));
  } catch (const ValueError& error) { fields.refuse(error.what()); }
  fields.check_no_others();
  return config;
}

// Calls f with the configuration, of whichever model it is.
template <class F>
static auto with_config(const std::string& json, F f) {
  ConfigFields fields(json, "config");
  const std::string type = fields.text("model_type");
  if (type == "gpt") return f(gpt_config(json));
  if (type == "mini") return f(mini_lm_config(json));
  fields.refuse("model_type mini or gpt expected: ", type);
}

double parameter_count(const MiniLMConfig& c) {
  const auto v = static_cast<double>(c.vocab_size), e = static_cast<double>(c.n_embd),
             h = static_cast<double>(c.n_hidden), k = static_cast<double>(c.context);
  return v * e + (k * e + 1) * h + (h + 1) * v;
}

double parameter_count(const std::string& config_json) {
  return with_config(config_json, [](const auto& config) { return parameter_count(config); });
}

static LanguageModel made(const MiniLMConfig& config, InitialValues) {
  return {std::make_unique<MiniLM>(config), config.vocab_size, config.context};
}
static LanguageModel made(const GPTConfig& config, InitialValues values) {
  return {std::make_unique<GPT>(config, values), config.vocab_size, config.block_size};
}

LanguageModel make_model(const std::string& config_json, InitialValues values) {
  return with_config(config_json, [&](const auto& config) { return made(config, values); });
}

}  // namespace vitro::models
