// The options of `vitro train`, one row each.  The help, the parsing, the options in a checkpoint
// and the rules for --resume all come from this table.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "apps/cli/arguments.h"

namespace vitro::cli {

enum class ForModel { kAny, kMini, kGPT };  // the model type that has the option
// kKeeps: the option decides what is learnt, so --resume refuses another value.  kMayChange:
// --resume accepts another value.  kNotSaved: the option concerns only this process.
enum class WhenResumed { kKeeps, kMayChange, kNotSaved };

struct OptionRow {
  std::string names;  // in CLI11's form; the first one is the name in checkpoints and messages
  Values values;
  std::string meaning;
  // Replaces the default in the help; "": the help shows no default.
  std::optional<std::string> shown_default = {};
  ForModel model = ForModel::kAny;
  WhenResumed resumed = WhenResumed::kKeeps;

  std::string name() const {  // "batch-size"
    const std::string first = names.substr(0, names.find(','));
    return first.starts_with("--") ? first.substr(2) : first;
  }
  std::string shown() const {  // "--batch-size", "--learning-rate (--lr)", "text"
    const size_t comma = names.find(',');
    if (comma == names.npos) return names;
    const size_t other = names.find("--", comma);
    return names.substr(0, comma) + " (" + names.substr(other) + ")";
  }
};

// Calls f(row, field...) for each option.  `field...` is the option's field in each of `o`.
template <class F, class... Options>
void each_option(F f, Options&... o) {
  constexpr int64_t kMany = 1'000'000'000;
  constexpr auto kMini = ForModel::kMini, kGPT = ForModel::kGPT, kAny = ForModel::kAny;
  constexpr auto kMayChange = WhenResumed::kMayChange, kNotSaved = WhenResumed::kNotSaved;

  // These decide the text and its tokens.
  f(OptionRow{"text", files("FILE"),
              "Text file to learn; - reads standard input (default: the bundled stories)", ""},
    o.model.text.file...);
  f(OptionRow{"--tokenizer", Values{Values::Kind::kWord, "KIND|PATH", file_name()},
              "Kind of tokens: char, word, bpe (byte pairs), or the path of a saved tokenizer"},
    o.model.text.tokenizer...);
  f(OptionRow{"--vocab-size", wholes(257, 1'000'000),
              "Number of tokens that bpe learns from the text, at most"},
    o.model.text.vocab_size...);
  f(OptionRow{"--unk", flag(), kUnkMeaning}, o.model.text.unk...);
  f(OptionRow{"--allow-special", flag(), kAllowSpecialMeaning}, o.allow_special...);

  // These decide the model.
  f(OptionRow{"--model-type", names_of({"mini", "gpt"}), "Model type to train"}, o.model_type...);
  f(OptionRow{"--init-from", files("PATH"), std::string("Start from this model: ") + kSavedModel,
              ""},
    o.init_from...);
  f(OptionRow{"--n-embd", wholes(1, 65536), "Length of the embedding vector of a token"},
    o.model.n_embd...);
  f(OptionRow{"--dropout", numbers(number_below_one()),
              "Fraction of the activations that each step sets to zero"},
    o.dropout...);
  f(OptionRow{"--dtype", names_of({"float32", "float64"}), "Type of parameters and activations"},
    o.dtype...);
  f(OptionRow{"--seed", wholes(0, INT64_MAX), "Seed of all random numbers"}, o.seed...);
  f(OptionRow{"--n-hidden", wholes(1, 65536), "Width of the hidden layer", {}, kMini},
    o.model.n_hidden...);
  f(OptionRow{"--context",
              wholes(1, 1024),
              "Number of tokens that the next token is predicted from",
              {},
              kMini},
    o.model.context...);
  f(OptionRow{"--activation",
              activations(),
              "Activation function between the linear layers",
              {},
              kMini},
    o.model.activation...);
  f(OptionRow{"--preset", presets(), "Known GPT; it sets the sizes that are not given", {}, kGPT},
    o.gpt.preset...);
  f(OptionRow{"--n-layer", wholes(1, 1024), "Number of blocks", {}, kGPT}, o.gpt.n_layer...);
  f(OptionRow{"--n-head", wholes(1, 1024), "Attention heads per block", {}, kGPT}, o.gpt.n_head...);
  f(OptionRow{"--n-kv-head",
              wholes(0, 1024),
              "Number of key and value heads, each shared by a group of attention heads; 0: the "
              "same as --n-head",
              {},
              kGPT},
    o.gpt.n_kv_head...);
  f(OptionRow{"--bias,!--no-bias", flag(), "Give Linear and LayerNorm a bias", "--bias", kGPT},
    o.gpt.bias...);
  f(OptionRow{"--norm", names_of({"layernorm", "rmsnorm"}), "Kind of normalisation", {}, kGPT},
    o.gpt.norm...);
  f(OptionRow{"--position", names_of({"learned", "rotary"}), "Kind of position encoding", {}, kGPT},
    o.gpt.position...);
  f(OptionRow{"--mlp", names_of({"gelu", "swiglu"}), "Activation function of the MLP", {}, kGPT},
    o.gpt.mlp...);

  // These decide the steps.
  f(OptionRow{"--batch-size", wholes(1, 65536), "Number of text pieces per batch"},
    o.batch_size...);
  f(OptionRow{"--block-size", wholes(1, 65536), "Tokens per piece; for a GPT also its context"},
    o.block_size...);
  f(OptionRow{"--gradient-accumulation-steps", wholes(1, 65536), "Number of batches per step"},
    o.gradient_accumulation_steps...);
  f(OptionRow{"--max-iters", wholes(0, kMany), "Number of steps in total", {}, kAny, kMayChange},
    o.max_iters...);
  f(OptionRow{"--learning-rate,--lr", numbers(positive_number()), "Largest learning rate of AdamW"},
    o.learning_rate...);
  f(OptionRow{"--lr-schedule", names_of({"cosine", "linear", "constant"}),
              "How the learning rate falls after the warm-up"},
    o.lr_schedule...);
  f(OptionRow{"--min-lr", numbers(number_from_zero()), "Learning rate of the last steps",
              "a tenth of --learning-rate"},
    o.min_lr...);
  f(OptionRow{"--warmup-iters", wholes(0, kMany),
              "First steps, in which the learning rate rises to --learning-rate",
              "100, at most a tenth of --lr-decay-iters"},
    o.warmup_iters...);
  f(OptionRow{"--lr-decay-iters", wholes(1, kMany),
              "Step at which the learning rate has fallen to --min-lr", "--max-iters"},
    o.lr_decay_iters...);
  f(OptionRow{"--weight-decay", numbers(number_from_zero()),
              "Weight decay of AdamW; it applies to matrices only"},
    o.weight_decay...);
  f(OptionRow{"--beta1", numbers(number_below_one()), "Decay of AdamW's mean of the gradients"},
    o.beta1...);
  f(OptionRow{"--beta2", numbers(number_below_one()),
              "Decay of AdamW's mean of the squared gradients"},
    o.beta2...);
  f(OptionRow{"--grad-clip", numbers(number_from_zero()),
              "Largest norm of all gradients together; 0: no limit"},
    o.grad_clip...);

  // These decide which output and which checkpoints the run makes.
  f(OptionRow{"--out-dir,--out", files("DIR"), "Directory of the run", {}, kAny, kNotSaved},
    o.out_dir...);
  f(OptionRow{"--resume",
              flag(),
              "Continue from the newest checkpoint in --out-dir",
              {},
              kAny,
              kNotSaved},
    o.resume...);
  f(
      OptionRow{
          "--keep", wholes(1, kMany), "Number of newest checkpoints to keep", {}, kAny, kMayChange},
      o.keep...);
  f(OptionRow{"--eval-interval",
              wholes(1, kMany),
              "Steps between checkpoints, each with a validation loss and a sample",
              {},
              kAny,
              kMayChange},
    o.eval_interval...);
  f(OptionRow{"--eval-iters",
              wholes(1, kMany),
              "Number of batches of the validation part that are evaluated, at most",
              {},
              kAny,
              kMayChange},
    o.eval_iters...);
  f(OptionRow{"--log-interval",
              wholes(1, kMany),
              "Steps between lines of the log",
              {},
              kAny,
              kMayChange},
    o.log_interval...);
  f(OptionRow{"--sample-tokens",
              wholes(0, 100'000),
              "Number of tokens in a sample; 0: no samples",
              {},
              kAny,
              kMayChange},
    o.sample_tokens...);
}

// The options as JSON, for a checkpoint.
std::string to_json(const TrainOptions& options);

// Fills in the options that were not given with the values in the checkpoint.  UsageError if an
// option was given with another value and may not change; IoError if the JSON lacks an option or
// has a wrong value.  Without `has_text`, the text may have another path, because its tokens are
// made again.
void take_saved(TrainOptions& options, const std::string& saved, bool has_text = true);

// The first given option that only this model type has; empty if there is none.
std::string first_given(const TrainOptions& options, ForModel model);

// The JSON as text.  File names may contain bytes that are not UTF-8; they become U+FFFD.
std::string dumped(const nlohmann::ordered_json& json);

}  // namespace vitro::cli
