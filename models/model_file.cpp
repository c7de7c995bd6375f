// Configurations to JSON and back.
#include "models/model_file.h"

#include <array>
#include <nlohmann/json.hpp>
#include <set>

namespace vitro::models {

namespace {

constexpr std::array kActivations = {"none", "relu",      "tanh", "sigmoid",
                                     "gelu", "gelu_tanh", "silu"};  // as Activation counts

constexpr int64_t kLargest = int64_t{1} << 40;  // no size near it makes sense

int64_t size_of(const nlohmann::json& object, const char* name) {
  check<IoError>(object.contains(name) && object[name].is_number_integer(),
                 "config: a whole number expected for ", name);
  const auto n = object[name].get<int64_t>();
  check<IoError>(n >= 1 && n <= kLargest, "config: ", name, " must be positive: got ", n);
  return n;
}

}  // namespace

std::string activation_name(Activation f) { return kActivations[static_cast<size_t>(f)]; }

Activation activation_of(const std::string& name) {
  std::string all;
  for (size_t i = 0; i < kActivations.size(); ++i) {
    if (name == kActivations[i]) return static_cast<Activation>(i);
    all += (i ? ", " : "") + std::string(kActivations[i]);
  }
  fail<ValueError>("activation: one of ", all, " expected: ", name);
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
  const nlohmann::json o = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  check<IoError>(o.is_object(), "config: a JSON object expected");
  const std::set<std::string> known = {"model_type", "vocab_size", "n_embd", "n_hidden",
                                       "context",    "activation", "dropout"};
  for (const auto& [name, value] : o.items())
    check<IoError>(known.contains(name), "config: field ", name, " is unknown");
  check<IoError>(o.contains("model_type") && o["model_type"] == "mini",
                 "config: model_type mini expected");
  check<IoError>(o.contains("activation") && o["activation"].is_string(),
                 "config: a name expected for activation");
  check<IoError>(
      o.contains("dropout") && o["dropout"].is_number() && o["dropout"] >= 0 && o["dropout"] < 1,
      "config: a number in [0, 1) expected for dropout");
  MiniLMConfig config{.vocab_size = size_of(o, "vocab_size"),
                      .n_embd = size_of(o, "n_embd"),
                      .n_hidden = size_of(o, "n_hidden"),
                      .context = size_of(o, "context"),
                      .dropout = o["dropout"].get<double>()};
  try {
    config.activation = activation_of(o["activation"].get<std::string>());
  } catch (const ValueError& error) { fail<IoError>("config: ", error.what()); }
  return config;
}

LanguageModel make_model(const std::string& config_json) {
  const MiniLMConfig config = mini_lm_config(config_json);
  return {std::make_unique<MiniLM>(config), config.vocab_size, config.context};
}

}  // namespace vitro::models
