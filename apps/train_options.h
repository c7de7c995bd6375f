// The options of a training run by name: which of them a checkpoint carries, and who may change.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "apps/options.h"

namespace vitro::cli {

// f(name, field, may_change) for each; those that may not change decide what is learnt.
template <class Options, class F>
void each_option(Options& o, F f) {
  f("text", o.model.text.file, false);
  f("tokenizer", o.model.text.tokenizer, false);
  f("unk", o.model.text.unk, false);
  f("n-embd", o.model.n_embd, false);
  f("n-hidden", o.model.n_hidden, false);
  f("context", o.model.context, false);
  f("activation", o.model.activation, false);
  f("seed", o.model.seed, false);
  f("dropout", o.dropout, false);
  f("batch-size", o.batch_size, false);
  f("block-size", o.block_size, false);
  f("gradient-accumulation-steps", o.gradient_accumulation_steps, false);
  f("learning-rate", o.learning_rate, false);
  f("min-lr", o.min_lr, false);
  f("warmup-iters", o.warmup_iters, false);
  f("lr-decay-iters", o.lr_decay_iters, false);
  f("weight-decay", o.weight_decay, false);
  f("beta1", o.beta1, false);
  f("beta2", o.beta2, false);
  f("grad-clip", o.grad_clip, false);
  f("dtype", o.dtype, false);
  f("max-iters", o.max_iters, true);
  f("eval-interval", o.eval_interval, true);
  f("eval-iters", o.eval_iters, true);
  f("log-interval", o.log_interval, true);
  f("sample-tokens", o.sample_tokens, true);
  f("keep", o.keep, true);
}

// As JSON.  A file name need not be UTF-8; what is not becomes U+FFFD.
inline std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

inline std::string to_json(const TrainOptions& options) {
  nlohmann::ordered_json json;
  each_option(options, [&](const char* name, const auto& field, bool) { json[name] = field; });
  return dumped(json);
}

// The options of a checkpoint in place of those that were not given.  ValueError for one that was
// given, may not change and is another; IoError for JSON that has not all of them.
inline void take_saved(TrainOptions& options, const std::string& saved) {
  const nlohmann::json json = nlohmann::json::parse(saved, nullptr, /*allow_exceptions=*/false);
  each_option(options, [&]<class T>(const std::string& name, T& field, bool may_change) {
    T before{};
    try {
      before = json.at(name).get<T>();
    } catch (const nlohmann::json::exception&) {
      fail<IoError>("resume: a checkpoint with the option ", name, " expected");
    }
    if (!options.given.contains(name)) {
      field = before;
      return;
    }
    const std::string dashes = name == "text" ? "" : "--", now = dumped(field),
                      then = dumped(before);
    check<ValueError>(may_change || now == then, "--resume: ", dashes, name, ' ', then,
                      " expected, as the run was started: ", now,
                      " (leave it out, or choose another --out-dir)");
  });
}

}  // namespace vitro::cli
