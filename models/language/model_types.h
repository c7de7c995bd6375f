// The kinds of language model, by the "model_type" of their configurations.
//
//   double parameter_count(const BigramConfig& config);
//   models::register_model(models::model_type<Bigram>("bigram", bigram_config));
//
// After this line load_model, TrainingRun and all that goes on from a checkpoint know a Bigram.
#pragma once
#include <functional>

#include "language_model.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Each function takes a configuration's JSON; IoError for what is none of this kind's.
struct ModelType {
  std::string name;
  std::function<std::unique_ptr<LanguageModel>(const std::string& config_json, InitialValues)> make;
  // How many parameters the model has, a tied one once.  Nonsense may be more than an integer
  // holds.
  std::function<double(const std::string& config_json)> parameter_count;
  // What training takes whose batches have so many tokens, roughly, and rather too much.
  std::function<double(const std::string& config_json, int64_t tokens, DType dtype)> training_bytes;
};

// Parameters, each with its gradient and two moments.
double state_bytes(double parameters, DType dtype);

// A type whose models are made of `Config`, which `parse` reads.  It needs parameter_count(Config)
// beside it; training_bytes(Config, tokens, dtype) counts what the batches take too.
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

// From now on.  "mini" and "gpt" are there already; ValueError for a name that is.
void register_model(ModelType type);

// Of any registered type; IoError for another.
std::string model_type_of(const std::string& config_json);
double parameter_count(const std::string& config_json);
double training_bytes(const std::string& config_json, int64_t tokens, DType dtype);
// Without initial values it may hold whatever the memory did, for who loads it.
std::unique_ptr<LanguageModel> make_model(const std::string& config_json,
                                          InitialValues values = InitialValues::kRandom);
// Made again, with the same values: what nn::clone is to a class that is known.
std::unique_ptr<LanguageModel> clone(LanguageModel& model);

}  // namespace models
}  // namespace vitro
