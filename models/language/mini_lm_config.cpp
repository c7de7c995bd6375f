// Writes MiniLM's configuration as JSON, and reads it.
#include "models/language/mini_lm_config.h"

#include <sstream>

#include "framework/io/config_fields.h"
#include "models/language/model_types.h"

namespace vitro::models {

std::string describe(const MiniLMConfig& c) {
  std::ostringstream text;
  text << "MiniLM(context " << c.context << ", n_embd " << c.n_embd << ", n_hidden " << c.n_hidden
       << ", " << activation_name(c.activation) << ", vocabulary " << c.vocab_size << ")";
  return text.str();
}

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
  if (fields.text("model_type") != "mini")
    fields.refuse("expected model_type mini, got ", fields.text("model_type"));
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

double parameter_count(const MiniLMConfig& c) {
  const auto v = static_cast<double>(c.vocab_size), e = static_cast<double>(c.n_embd),
             h = static_cast<double>(c.n_hidden), k = static_cast<double>(c.context);
  return v * e + (k * e + 1) * h + (h + 1) * v;
}

// Counts the state of training, and the widest activations with their gradients.
double training_bytes(const MiniLMConfig& c, int64_t tokens, DType dtype) {
  const double in = static_cast<double>(c.context) * static_cast<double>(c.n_embd),
               widths = in + static_cast<double>(c.n_hidden) + static_cast<double>(c.vocab_size);
  return state_bytes(parameter_count(c) + static_cast<double>(tokens) * 2 * widths, dtype);
}

}  // namespace vitro::models
