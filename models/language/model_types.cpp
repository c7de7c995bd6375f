// Stores the list of model types, and finds the type that a configuration names.
#include "models/language/model_types.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "framework/base/parallel_fork.h"
#include "framework/io/config_fields.h"
#include "framework/nn/clone.h"
#include "models/language/gpt_config.h"
#include "models/language/mini_lm.h"

namespace vitro::models {

namespace {

// vitro's own types are listed here.  register_model adds the types of a program.
struct Types {
  std::mutex mutex;
  // A deque: a reference to a type stays valid when another type is added.
  std::deque<ModelType> all = {model_type<MiniLM>("mini", mini_lm_config),
                               model_type<GPT>("gpt", gpt_config)};
};
// Never destroyed, because a thread may load a model while static objects are destroyed.
Types& types() {
  static Types* const types = [] {
    at_fork(
        ForkLock::kModelTypes, [] { vitro::models::types().mutex.lock(); },
        [](bool) { vitro::models::types().mutex.unlock(); });
    return new Types;
  }();
  return *types;
}

const ModelType& type_of(const std::string& config_json) {
  ConfigFields fields(config_json, "config");
  const std::string name = fields.text("model_type");
  const std::lock_guard lock(types().mutex);
  std::string known;
  for (const ModelType& type : types().all) {
    if (type.name == name) return type;
    known += (known.empty() ? "" : " or ") + type.name;
  }
  fields.refuse("expected model_type ", known, ", got ", name);
}

}  // namespace

double state_bytes(double parameters, DType dtype) {
  return 4 * parameters * static_cast<double>(item_size(dtype));
}

void register_model(ModelType type) {
  const std::lock_guard lock(types().mutex);
  check<ValueError>(
      std::ranges::find(types().all, type.name, &ModelType::name) == types().all.end(),
      "register_model: expected a new name, got ", type.name);
  types().all.push_back(std::move(type));
}

std::string model_type_of(const std::string& config_json) { return type_of(config_json).name; }

double parameter_count(const std::string& config_json) {
  return type_of(config_json).parameter_count(config_json);
}

double training_bytes(const std::string& config_json, int64_t tokens, DType dtype) {
  return type_of(config_json).training_bytes(config_json, tokens, dtype);
}

std::unique_ptr<LanguageModel> make_model(const std::string& config_json, InitialValues values) {
  return type_of(config_json).make(config_json, values);
}

std::unique_ptr<LanguageModel> clone(LanguageModel& model) {
  const KeepGenerator keep;
  auto copy = make_model(model.config_json(), InitialValues::kNone);
  nn::copy_members(model, *copy);
  return copy;
}

}  // namespace vitro::models
