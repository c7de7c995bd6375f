// The options of `vitro train`, one row each: help, parsing, what a checkpoint carries and what a
// resumed run may change all come from this table.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "apps/cli/arguments.h"

namespace vitro::cli {

enum class ForModel { kAny, kMini, kGPT };  // which has it
// kKeeps: it decides what is learnt, so a resumed run has it as the run was started; kNotSaved: it
// is about this process alone.
enum class WhenResumed { kKeeps, kMayChange, kNotSaved };

struct OptionRow {
  std::string names;  // as CLI11 takes them, the one that counts first
  Values values;
  std::string meaning;
  std::optional<std::string> shown_default = {};  // in the help, where the value is not; "": none
  ForModel model = ForModel::kAny;
  WhenResumed resumed = WhenResumed::kKeeps;

  std::string name() const {  // "batch-size"
    const std::string first = names.substr(0, names.find(','));
    return first.starts_with("--") ? first.substr(2) : first;
  }
};

// f(row, field...) for each, with that field of each of the `o`.
template <class F, class... Options>
void each_option(F f, Options&... o) {
  constexpr int64_t kMany = 1'000'000'000;
  constexpr auto kMini = ForModel::kMini, kGPT = ForModel::kGPT, kAny = ForModel::kAny;
  constexpr auto kMayChange = WhenResumed::kMayChange, kNotSaved = WhenResumed::kNotSaved;

  // These decide the text and its tokens.
  f(OptionRow{"text", files("FILE"),
              "Text file to learn, - for standard input (default: bundled stories)", ""},
    o.model.text.file...);
  f(OptionRow{"--tokenizer", Values{Values::Kind::kWord, "KIND|PATH", file_name()},
              "What a token is: char, word, bpe, or a saved tokenizer"},
    o.model.text.tokenizer...);
  f(OptionRow{"--vocab-size", wholes(257, 1'000'000),
              "Tokens that bpe learns from the text, at most"},
    o.model.text.vocab_size...);
  f(OptionRow{"--unk", flag(), kUnkMeaning}, o.model.text.unk...);
  f(OptionRow{"--allow-special", flag(), kAllowSpecialMeaning}, o.allow_special...);

  // These decide the model.
  f(OptionRow{"--model-type", names_of({"mini", "gpt"}), "What to train"}, o.model_type...);
  f(OptionRow{"--init-from", files("PATH"), std::string("Go on from this model: ") + kSavedModel,
              ""},
    o.init_from...);
  f(OptionRow{"--n-embd", wholes(1, 65536), "Numbers that stand for a token"}, o.model.n_embd...);
  f(OptionRow{"--dropout", numbers(number_below_one()),
              "Part of the activations that a step leaves out"},
    o.dropout...);
  f(OptionRow{"--dtype", names_of({"float32", "float64"}), "Of parameters and activations"},
    o.dtype...);
  f(OptionRow{"--seed", wholes(0, INT64_MAX), "Of all random numbers"}, o.seed...);
  f(OptionRow{"--n-hidden", wholes(1, 65536), "Width of the hidden layer", {}, kMini},
    o.model.n_hidden...);
  f(OptionRow{"--context",
              wholes(1, 1024),
              "How many tokens the next one is predicted from",
              {},
              kMini},
    o.model.context...);
  f(OptionRow{"--activation", activations(), "Between the linear layers", {}, kMini},
    o.model.activation...);
  f(OptionRow{"--preset", presets(), "Its sizes where they are not given", {}, kGPT},
    o.gpt.preset...);
  f(OptionRow{"--n-layer", wholes(1, 1024), "Blocks", {}, kGPT}, o.gpt.n_layer...);
  f(OptionRow{"--n-head", wholes(1, 1024), "Attention heads per block", {}, kGPT}, o.gpt.n_head...);
  f(OptionRow{"--n-kv-head",
              wholes(0, 1024),
              "Heads of keys and values, each for a group of those; 0: as many",
              {},
              kGPT},
    o.gpt.n_kv_head...);
  f(OptionRow{"--bias,!--no-bias", flag(), "Whether Linear and LayerNorm have a bias", "--bias",
              kGPT},
    o.gpt.bias...);
  f(OptionRow{"--norm", names_of({"layernorm", "rmsnorm"}), "What normalises", {}, kGPT},
    o.gpt.norm...);
  f(
      OptionRow{
          "--position", names_of({"learned", "rotary"}), "How a token knows its place", {}, kGPT},
      o.gpt.position...);
  f(OptionRow{"--mlp", names_of({"gelu", "swiglu"}), "Between the linear layers", {}, kGPT},
    o.gpt.mlp...);

  // These decide the steps.
  f(OptionRow{"--batch-size", wholes(1, 65536), "Pieces of text per batch"}, o.batch_size...);
  f(OptionRow{"--block-size", wholes(1, 65536),
              "Tokens per piece; of a GPT also the longest context"},
    o.block_size...);
  f(OptionRow{"--gradient-accumulation-steps", wholes(1, 65536), "Batches per step"},
    o.gradient_accumulation_steps...);
  f(OptionRow{"--max-iters", wholes(0, kMany), "Steps in all", {}, kAny, kMayChange},
    o.max_iters...);
  f(OptionRow{"--learning-rate,--lr", numbers(positive_number()), "AdamW's largest learning rate"},
    o.learning_rate...);
  f(OptionRow{"--lr-schedule", names_of({"cosine", "linear", "constant"}),
              "How it falls after the warm-up"},
    o.lr_schedule...);
  f(OptionRow{"--min-lr", numbers(number_from_zero()), "The last one", "a tenth of it"},
    o.min_lr...);
  f(OptionRow{"--warmup-iters", wholes(0, kMany), "Steps in which the rate rises to it",
              "100, at most a tenth of --lr-decay-iters"},
    o.warmup_iters...);
  f(OptionRow{"--lr-decay-iters", wholes(1, kMany),
              "The step where the rate has fallen to --min-lr", "--max-iters"},
    o.lr_decay_iters...);
  f(OptionRow{"--weight-decay", numbers(number_from_zero()), "Of matrices only"},
    o.weight_decay...);
  f(OptionRow{"--beta1", numbers(number_below_one()), "Of the mean of the gradients"}, o.beta1...);
  f(OptionRow{"--beta2", numbers(number_below_one()), "Of the mean of their squares"}, o.beta2...);
  f(OptionRow{"--grad-clip", numbers(number_from_zero()), "Largest norm of all gradients; 0: any"},
    o.grad_clip...);

  // These decide what is shown and kept.
  f(OptionRow{"--out-dir,--out", files("DIR"), "Directory of the run", {}, kAny, kNotSaved},
    o.out_dir...);
  f(
      OptionRow{
          "--resume", flag(), "Go on from the newest checkpoint in --out-dir", {}, kAny, kNotSaved},
      o.resume...);
  f(OptionRow{"--keep", wholes(1, kMany), "Newest checkpoints to keep", {}, kAny, kMayChange},
    o.keep...);
  f(OptionRow{"--eval-interval",
              wholes(1, kMany),
              "Steps between checkpoints, each with its validation loss and a sample",
              {},
              kAny,
              kMayChange},
    o.eval_interval...);
  f(OptionRow{"--eval-iters",
              wholes(1, kMany),
              "Batches of the validation part that are evaluated at most",
              {},
              kAny,
              kMayChange},
    o.eval_iters...);
  f(OptionRow{"--log-interval", wholes(1, kMany), "Steps between lines", {}, kAny, kMayChange},
    o.log_interval...);
  f(OptionRow{"--sample-tokens",
              wholes(0, 100'000),
              "Length of a sample; 0: none",
              {},
              kAny,
              kMayChange},
    o.sample_tokens...);
}

// As a checkpoint carries them.
std::string to_json(const TrainOptions& options);

// The options of a checkpoint in place of those that were not given.  ValueError for one that was
// given, may not change and is another; IoError for JSON that has not all of them, or nonsense.
// Without `has_text` the text that was given is taken, wherever it stands: it is made tokens again.
void take_saved(TrainOptions& options, const std::string& saved, bool has_text = true);

// The first option that was given and that only a model of this kind has; empty if none was.
std::string first_given(const TrainOptions& options, ForModel model);

// As JSON.  A file name need not be UTF-8; what is not becomes U+FFFD.
std::string dumped(const nlohmann::ordered_json& json);

}  // namespace vitro::cli
