// Defaults for `vitro train`, and checks that its options are consistent.
#include "apps/train/defaults.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

// The learning rates are from Brown et al., 2020, table 2.1, the other values from nanoGPT.
struct PresetDefaults {
  const char* name;
  double learning_rate, beta2, dropout;
};
constexpr PresetDefaults kPresets[] = {{"nano", 1e-3, 0.99, 0.2},
                                       {"gpt2", 6e-4, 0.95, 0},
                                       {"gpt2-medium", 3e-4, 0.95, 0},
                                       {"gpt2-large", 2.5e-4, 0.95, 0},
                                       {"gpt2-xl", 2e-4, 0.95, 0}};

void take_sizes(TrainOptions& o, const models::GPTConfig& c) {
  o.model_type = "gpt";
  o.gpt.n_layer = c.n_layer;
  o.gpt.n_head = c.n_head;
  o.gpt.n_kv_head = c.n_kv_head;
  o.gpt.bias = c.bias;
  o.gpt.norm = c.norm == models::NormKind::kRMSNorm ? "rmsnorm" : "layernorm";
  o.gpt.position = c.position == models::PositionKind::kRotary ? "rotary" : "learned";
  o.gpt.mlp = c.mlp == models::MLPKind::kSwiGLU ? "swiglu" : "gelu";
  o.model.n_embd = c.n_embd;
  o.block_size = c.block_size;
}

// The model is already trained, so a few small steps at a constant rate suffice, as in nanoGPT's
// finetuning.
TrainOptions fine_tuning_defaults(const models::LanguageModel& initial) {
  TrainOptions o = gpt_defaults("nano");
  o.batch_size = 4;
  o.max_iters = 200;
  o.learning_rate = 3e-5;
  o.lr_schedule = "constant";
  o.warmup_iters = 0;
  o.dropout = 0;
  o.eval_interval = 50;
  o.eval_iters = 20;
  o.log_interval = 10;
  const std::string config = initial.config_json();
  if (models::model_type_of(config) == "gpt") {
    take_sizes(o, models::gpt_config(config));
    o.beta2 = 0.95;
    o.block_size = std::min<int64_t>(128, initial.context());
  } else {
    check<ValueError>(models::model_type_of(config) == "mini",
                      "--init-from: expected a MiniLM or a GPT, got ", initial.describe());
    const models::MiniLMConfig c = models::mini_lm_config(config);
    o.model_type = "mini";
    o.model.n_embd = c.n_embd, o.model.n_hidden = c.n_hidden, o.model.context = c.context;
    o.model.activation = activation_name(c.activation);
  }
  return o;
}

// Checks that the given sizes are the sizes of the model.  --block-size may be smaller.
void check_sizes(const TrainOptions& options, const models::LanguageModel& initial,
                 const TrainOptions& defaults) {
  const auto compare = [&](const OptionRow& row, const auto& given, const auto& has) {
    const bool is_size = row.model != ForModel::kAny || row.name() == "n-embd";
    check<UsageError>(!is_size || !options.given.contains(row.name()) || given == has, row.shown(),
                      ": expected ", dumped(has), " as in ", options.init_from, ", got ",
                      dumped(given));
  };
  each_option(compare, options, defaults);
  const int64_t most = initial.max_length().value_or(options.block_size);
  check<UsageError>(!options.given.contains("block-size") || options.block_size <= most,
                    "--block-size: expected at most ", most, ", the context of ", options.init_from,
                    ", got ", options.block_size);
}

// The model type that the given options belong to.
std::string implied_model_type(const TrainOptions& options) {
  const std::string mini = first_given(options, ForModel::kMini),
                    gpt = first_given(options, ForModel::kGPT);
  check<UsageError>(mini.empty() || gpt.empty(), "expected options of one model type, got --", mini,
                    " of a MiniLM and --", gpt, " of a GPT");
  return gpt.empty() ? "mini" : "gpt";
}

void check_divisible(const TrainOptions& o) {
  const int64_t kv_heads = o.gpt.n_kv_head ? o.gpt.n_kv_head : o.gpt.n_head;
  check<UsageError>(o.model.n_embd % o.gpt.n_head == 0,
                    "--n-embd: expected a multiple of --n-head (", o.gpt.n_head, "), got ",
                    o.model.n_embd);
  check<UsageError>(o.gpt.n_head % kv_heads == 0, "--n-kv-head: expected a divisor of --n-head (",
                    o.gpt.n_head, "), got ", kv_heads);
  check<UsageError>(o.gpt.position != "rotary" || o.model.n_embd / o.gpt.n_head % 2 == 0,
                    "--position rotary: expected an even --n-embd / --n-head, got ",
                    o.model.n_embd / o.gpt.n_head);
}

}  // namespace

TrainOptions gpt_defaults(const std::string& preset) {
  TrainOptions o;
  take_sizes(o, models::GPTConfig::preset(preset));
  o.gpt.preset = preset;
  o.batch_size = 12;
  o.max_iters = 2000;
  o.weight_decay = 0.1;
  for (const PresetDefaults& p : kPresets)
    if (p.name == preset)
      o.learning_rate = p.learning_rate, o.beta2 = p.beta2, o.dropout = p.dropout;
  return o;
}

void check_model_type(const TrainOptions& options) {
  const bool is_gpt = options.model_type == "gpt";
  const std::string other = first_given(options, is_gpt ? ForModel::kMini : ForModel::kGPT);
  check<UsageError>(other.empty(), "--", other, ": expected --model-type ", is_gpt ? "mini" : "gpt",
                    ", which has this option, got ", options.model_type);
}

void complete(TrainOptions& options, const models::LanguageModel* initial) {
  const auto is_given = [&](const std::string& name) { return options.given.contains(name); };
  if (!is_given("model-type") && !initial) options.model_type = implied_model_type(options);
  TrainOptions defaults = initial                       ? fine_tuning_defaults(*initial)
                          : options.model_type == "gpt" ? gpt_defaults(options.gpt.preset)
                                                        : TrainOptions{};
  check<UsageError>(!is_given("model-type") || options.model_type == defaults.model_type,
                    "--model-type: expected ", defaults.model_type, " as in ", options.init_from,
                    ", got ", options.model_type);
  options.model_type = defaults.model_type;
  check_model_type(options);
  check<UsageError>(!is_given("vocab-size") || options.model.text.tokenizer == "bpe",
                    "--vocab-size: expected --tokenizer bpe, got ", options.model.text.tokenizer,
                    "; only bpe has this option");
  if (initial) check_sizes(options, *initial, defaults);
  const auto fill = [&]<class T>(const OptionRow& row, T& field, const T& value) {
    if (row.resumed != WhenResumed::kNotSaved && !is_given(row.name())) field = value;
  };
  each_option(fill, options, std::as_const(defaults));

  options.min_lr = options.last_lr();
  options.lr_decay_iters = std::max<int64_t>(1, options.decay_iters());
  options.warmup_iters = options.warmup();
  check<UsageError>(options.warmup_iters <= options.lr_decay_iters,
                    "--warmup-iters: expected at most --lr-decay-iters (", options.lr_decay_iters,
                    "), got ", options.warmup_iters);
  check<UsageError>(options.min_lr <= options.learning_rate,
                    "--min-lr: expected at most --learning-rate (", options.learning_rate,
                    "), got ", options.min_lr);
  if (options.model_type == "gpt") check_divisible(options);
}

static models::GPTConfig gpt_config_of(const TrainOptions& o, int64_t vocab_size) {
  return {
      .block_size = o.block_size,
      .vocab_size = vocab_size,
      .n_layer = o.gpt.n_layer,
      .n_head = o.gpt.n_head,
      .n_embd = o.model.n_embd,
      .dropout = o.dropout,
      .bias = o.gpt.bias,
      .n_kv_head = o.gpt.n_kv_head,
      .norm = o.gpt.norm == "rmsnorm" ? models::NormKind::kRMSNorm : models::NormKind::kLayerNorm,
      .position = o.gpt.position == "rotary" ? models::PositionKind::kRotary
                                             : models::PositionKind::kLearned,
      .mlp = o.gpt.mlp == "swiglu" ? models::MLPKind::kSwiGLU : models::MLPKind::kGelu};
}

std::string config_of(const TrainOptions& options, const text::Tokenizer& tokenizer) {
  if (options.model_type == "gpt") return to_json(gpt_config_of(options, tokenizer.vocab_size()));
  models::MiniLMConfig config = config_of(options.model, tokenizer);
  config.dropout = options.dropout;
  return to_json(config);
}

}  // namespace vitro::cli
