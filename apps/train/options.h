// The options of a training run by name: which of them a checkpoint carries, and who may change.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "apps/cli/options.h"

namespace vitro::cli {

// f(name, may_change, field...) for each, with that field of each of the `o`; options that may not
// change decide what is learnt.
template <class F, class... Options>
void each_option(F f, Options&... o) {
  f("model-type", false, o.model_type...);
  f("text", false, o.model.text.file...);
  f("tokenizer", false, o.model.text.tokenizer...);
  f("unk", false, o.model.text.unk...);
  f("vocab-size", false, o.model.text.vocab_size...);
  f("init-from", false, o.init_from...);
  f("allow-special", false, o.allow_special...);
  f("preset", false, o.gpt.preset...);
  f("n-layer", false, o.gpt.n_layer...);
  f("n-head", false, o.gpt.n_head...);
  f("n-kv-head", false, o.gpt.n_kv_head...);
  f("bias", false, o.gpt.bias...);
  f("norm", false, o.gpt.norm...);
  f("position", false, o.gpt.position...);
  f("mlp", false, o.gpt.mlp...);
  f("n-embd", false, o.model.n_embd...);
  f("n-hidden", false, o.model.n_hidden...);
  f("context", false, o.model.context...);
  f("activation", false, o.model.activation...);
  f("seed", false, o.model.seed...);
  f("dropout", false, o.dropout...);
  f("batch-size", false, o.batch_size...);
  f("block-size", false, o.block_size...);
  f("gradient-accumulation-steps", false, o.gradient_accumulation_steps...);
  f("learning-rate", false, o.learning_rate...);
  f("lr-schedule", false, o.lr_schedule...);
  f("min-lr", false, o.min_lr...);
  f("warmup-iters", false, o.warmup_iters...);
  f("lr-decay-iters", false, o.lr_decay_iters...);
  f("weight-decay", false, o.weight_decay...);
  f("beta1", false, o.beta1...);
  f("beta2", false, o.beta2...);
  f("grad-clip", false, o.grad_clip...);
  f("dtype", false, o.dtype...);
  f("max-iters", true, o.max_iters...);
  f("eval-interval", true, o.eval_interval...);
  f("eval-iters", true, o.eval_iters...);
  f("log-interval", true, o.log_interval...);
  f("sample-tokens", true, o.sample_tokens...);
  f("keep", true, o.keep...);
}

// As JSON.  A file name need not be UTF-8; what is not becomes U+FFFD.
inline std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

inline std::string to_json(const TrainOptions& options) {
  nlohmann::ordered_json json;
  each_option([&](const char* name, bool, const auto& field) { json[name] = field; }, options);
  return dumped(json);
}

// What the command line says against a value of an option of `vitro train`; nothing if it takes it.
std::string complaint(const std::string& option, const std::string& value);

// The value of the option in a checkpoint.  IoError for one that the command line would not take.
template <class T>
T saved_option(const nlohmann::json& saved, const std::string& name) {
  const auto found = saved.find(name);
  check<IoError>(found != saved.end(), "resume: a checkpoint with the option ", name, " expected");
  const bool is_right = std::is_same_v<T, bool>          ? found->is_boolean()
                        : std::is_same_v<T, std::string> ? found->is_string()
                        : std::is_same_v<T, int64_t>     ? found->is_number_integer()
                                                         : found->is_number();
  std::string wrong;
  if (!is_right) wrong = "another type expected: " + std::string(found->type_name());
  else wrong = complaint(name, found->is_string() ? found->get<std::string>() : found->dump());
  check<IoError>(wrong.empty(), "resume: option ", name, ": ", wrong);
  return found->get<T>();
}

// The options of a checkpoint in place of those that were not given.  ValueError for one that was
// given, may not change and is another; IoError for JSON that has not all of them, or nonsense.
inline void take_saved(TrainOptions& options, const std::string& saved) {
  const nlohmann::json json = nlohmann::json::parse(saved, nullptr, /*allow_exceptions=*/false);
  check<IoError>(json.is_object(), "resume: the options of a run expected");
  const auto take = [&]<class T>(const std::string& name, bool may_change, T& field) {
    const T before = saved_option<T>(json, name);
    if (!options.given.contains(name)) {
      field = before;
      return;
    }
    const std::string dashes = name == "text" ? "" : "--", now = dumped(field),
                      then = dumped(before);
    check<ValueError>(may_change || now == then, "--resume: ", dashes, name, ' ', then,
                      " expected, as the run was started: ", now,
                      " (leave it out, or choose another --out-dir)");
  };
  each_option(take, options);
}

}  // namespace vitro::cli
