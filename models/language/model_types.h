// The list of model types, by the "model_type" of their configurations.  A program adds its own:
//
//   double parameter_count(const BigramConfig& config);
//   models::register_model(models::model_type<Bigram>("bigram", bigram_config));
//
// Then load_model, TrainingRun and everything that starts from a checkpoint can make a Bigram.
#pragma once
#include <functional>

#include "language_model.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// A type of model.  Each function takes a configuration's JSON, and throws IoError if it is not a
// configuration of this type.
struct ModelType {
  std::string name;  // the "model_type"
  // Makes a model.
  std::function<std::unique_ptr<LanguageModel>(const std::string& config_json, InitialValues)> make;
  // How many parameters the model has; a tied one counts once.  In double, because absurd sizes in
  // a file exceed every integer.
  std::function<double(const std::string& config_json)> parameter_count;
  // How many bytes training takes with batches of `tokens` tokens: an estimate, rather too high.
  std::function<double(const std::string& config_json, int64_t tokens, DType dtype)> training_bytes;
};

// The bytes of the parameters, each with its gradient and two moments.
double state_bytes(double parameters, DType dtype);

// The type of a Model that is made from a Config, which `parse` reads from JSON.  There must be a
// function parameter_count(Config).  If there is training_bytes(Config, tokens, dtype), it is used;
// otherwise only state_bytes are counted.
template <class Model, class Config>
ModelType model_type(std::string name, Config (*parse)(const std::string& json)) {
  return {
      .name = std::move(name),
      .make = [parse](const std::string& json,
                      InitialValues values) -> std::unique_ptr<LanguageModel> {
        const Config config = parse(json);
        if constexpr (std::is_constructible_v<Model, const Config&, InitialValues>)
          return std::make_unique<Model>(config, values);
        else return std::make_unique<Model>(config);
      },
      .parameter_count = [parse](const std::string& json) { return parameter_count(parse(json)); },
      .training_bytes =
          [parse](const std::string& json, int64_t tokens, DType dtype) {
            const Config config = parse(json);
            if constexpr (requires { training_bytes(config, tokens, dtype); })
              return training_bytes(config, tokens, dtype);
            else return state_bytes(parameter_count(config), dtype);
          }};
}

// Adds a type.  "mini" and "gpt" are in the list already.  ValueError for a name in the list.
void register_model(ModelType type);

// The answers of the type that the configuration names.  IoError for a type that is not in the
// list.
std::string model_type_of(const std::string& config_json);
double parameter_count(const std::string& config_json);
double training_bytes(const std::string& config_json, int64_t tokens, DType dtype);
// Makes a model of any type in the list.  With InitialValues::kNone its weights may be undefined,
// for a caller that loads them.
std::unique_ptr<LanguageModel> make_model(const std::string& config_json,
                                          InitialValues values = InitialValues::kRandom);
// A copy with its own weights.  If you know the model's class, nn::clone does the same.
std::unique_ptr<LanguageModel> clone(LanguageModel& model);

}  // namespace models
}  // namespace vitro
