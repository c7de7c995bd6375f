// The list of model types, by the "model_type" of their configurations.  A program can add a type:
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
  // Returns the number of parameters; a tied parameter counts once.  It is a double, because wrong
  // sizes in a file can give a number that no integer type can represent.
  std::function<double(const std::string& config_json)> parameter_count;
  // Estimates how many bytes training takes with batches of `tokens` tokens; rather too high.
  std::function<double(const std::string& config_json, int64_t tokens, DType dtype)> training_bytes;
};

// The bytes of the parameters, each with its gradient and two moments.
double state_bytes(double parameters, DType dtype);

// Returns the type of the class Model, which has a constructor from a Config.  `parse` reads a
// Config from JSON.  There must be a function parameter_count(Config).  If a function
// training_bytes(Config, tokens, dtype) exists, it is used; otherwise state_bytes is the estimate.
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

// Adds a type.  "mini" and "gpt" are in the list already.  ValueError for a name that is in the
// list.
void register_model(ModelType type);

// These functions call the functions of the type that the configuration names.  IoError for a type
// that is not in the list.
std::string model_type_of(const std::string& config_json);
double parameter_count(const std::string& config_json);
double training_bytes(const std::string& config_json, int64_t tokens, DType dtype);
// Makes a model of any type in the list.  With InitialValues::kNone its weights may be undefined;
// the caller loads them.
std::unique_ptr<LanguageModel> make_model(const std::string& config_json,
                                          InitialValues values = InitialValues::kRandom);
// Returns a copy with its own weights.  If you know the model's class, nn::clone does the same.
std::unique_ptr<LanguageModel> clone(LanguageModel& model);

}  // namespace models
}  // namespace vitro
