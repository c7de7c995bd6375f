// The options of `vitro train` and `vitro eval`.
#include "apps/cli/arguments.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

constexpr int64_t kMany = 1'000'000'000;

const TrainOptions& of_gpt() {
  static const TrainOptions defaults = gpt_defaults("nano");
  return defaults;
}

void add_tokenizer(CLI::App& app, TextOptions& to) {
  app.add_option("--tokenizer", to.tokenizer,
                 "What a token is: char, word, bpe, or a saved tokenizer (default: char)")
      ->type_name("KIND|PATH")
      ->check(file_name());
  add_whole(app, "--vocab-size", to.vocab_size, 257, 1'000'000,
            "Tokens that bpe learns from the text, at most");
  add_unk(app, to);
}

void add_gpt(CLI::App& app, TrainOptions& to) {
  const auto of_gpt_only = [](CLI::Option* option) {
    option->group("A GPT (each of these implies --model-type gpt)");
  };
  GPTOptions& gpt = to.gpt;
  of_gpt_only(add_name(app, "--preset", gpt.preset,
                       {"nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"},
                       "Its sizes where they are not given"));
  of_gpt_only(add_whole(app, "--n-layer", gpt.n_layer, 1, 1024, "Blocks"));
  of_gpt_only(add_whole(app, "--n-head", gpt.n_head, 1, 1024, "Attention heads per block"));
  of_gpt_only(add_whole(app, "--n-kv-head", gpt.n_kv_head, 0, 1024,
                        "Heads of keys and values, each for a group of those; 0: as many"));
  of_gpt_only(app.add_flag("--bias,!--no-bias", gpt.bias,
                           "Whether Linear and LayerNorm have a bias (default: --bias)"));
  of_gpt_only(add_name(app, "--norm", gpt.norm, {"layernorm", "rmsnorm"}, "What normalises"));
  of_gpt_only(add_name(app, "--position", gpt.position, {"learned", "rotary"},
                       "How a token knows its place"));
  of_gpt_only(add_name(app, "--mlp", gpt.mlp, {"gelu", "swiglu"}, "Between the linear layers"));
}

void add_train_model(CLI::App& app, TrainOptions& to) {
  add_name(app, "--model-type", to.model_type, {"mini", "gpt"}, "What to train");
  CLI::Option* const initial = app.add_option("--init-from", to.init_from,
                                              "Go on from this model: " + std::string(kSavedModel))
                                   ->type_name("PATH")
                                   ->check(file_name());
  add_whole(app, "--n-embd", to.model.n_embd, 1, 65536, "Numbers that stand for a token",
            of_gpt().model.n_embd);
  add_sizes(app, to.model);
  for (const char* name : {"--n-hidden", "--context", "--activation"})
    app.get_option(name)->group("A MiniLM");
  add_gpt(app, to);
  for (const char* name : {"--preset", "--tokenizer", "--vocab-size", "--unk"})
    initial->excludes(app.get_option(name));
}

void add_batches(CLI::App& app, TrainOptions& to) {
  add_whole(app, "--batch-size", to.batch_size, 1, 65536, "Pieces of text per batch",
            of_gpt().batch_size);
  add_whole(app, "--block-size", to.block_size, 1, 65536,
            "Tokens per piece; of a GPT also the longest context");
  add_whole(app, "--gradient-accumulation-steps", to.gradient_accumulation_steps, 1, 65536,
            "Batches per step");
  add_whole(app, "--max-iters", to.max_iters, 0, kMany, "Steps in all", of_gpt().max_iters);
}

void add_schedule(CLI::App& app, TrainOptions& to) {
  add_number(app, "--learning-rate,--lr", to.learning_rate, positive_number(),
             "AdamW's largest learning rate", of_gpt().learning_rate);
  add_name(app, "--lr-schedule", to.lr_schedule, {"cosine", "linear", "constant"},
           "How it falls after the warm-up");
  app.add_option("--min-lr", to.min_lr, "The last one (default: a tenth of it)")
      ->type_name("X")
      ->check(number_from_zero());
  app.add_option("--warmup-iters", to.warmup_iters,
                 "Steps in which the rate rises to it (default: " +
                     std::to_string(to.warmup_iters) + ", at most a tenth of --lr-decay-iters)")
      ->type_name("N")
      ->transform(whole(0, kMany));
  app.add_option("--lr-decay-iters", to.lr_decay_iters,
                 "The step where the rate has fallen to --min-lr (default: --max-iters)")
      ->type_name("N")
      ->transform(whole(1, kMany));
}

void add_optimizer(CLI::App& app, TrainOptions& to) {
  add_schedule(app, to);
  add_number(app, "--weight-decay", to.weight_decay, number_from_zero(), "Of matrices only",
             of_gpt().weight_decay);
  add_number(app, "--beta1", to.beta1, number_below_one(), "Of the mean of the gradients");
  add_number(app, "--beta2", to.beta2, number_below_one(), "Of the mean of their squares");
  add_number(app, "--grad-clip", to.grad_clip, number_from_zero(),
             "Largest norm of all gradients; 0: any");
  add_number(app, "--dropout", to.dropout, number_below_one(),
             "Part of the activations that a step leaves out", of_gpt().dropout);
  add_name(app, "--dtype", to.dtype, {"float32", "float64"}, "Of parameters and activations");
}

void add_run(CLI::App& app, TrainOptions& to) {
  app.add_option("--out-dir,--out", to.out_dir, "Directory of the run (default: out)")
      ->type_name("DIR")
      ->check(file_name());
  app.add_flag("--resume", to.resume, "Go on from the newest checkpoint in --out-dir");
  add_whole(app, "--keep", to.keep, 1, kMany, "Newest checkpoints to keep");
  add_whole(app, "--eval-interval", to.eval_interval, 1, kMany,
            "Steps between checkpoints, each with its validation loss and a sample");
  add_whole(app, "--eval-iters", to.eval_iters, 1, kMany,
            "Batches of the validation part that are evaluated at most");
  add_whole(app, "--log-interval", to.log_interval, 1, kMany, "Steps between lines");
  add_whole(app, "--sample-tokens", to.sample_tokens, 0, 100'000, "Length of a sample; 0: none");
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainOptions& to) {
  CLI::App* sub = app.add_subcommand("train", "Train a model on a text, and keep it");
  sub->add_option("text", to.model.text.file, "Text file to learn (default: bundled stories)")
      ->type_name("FILE")
      ->check(file_name());
  add_tokenizer(*sub, to.model.text);
  add_allow_special(*sub, to.allow_special);
  add_train_model(*sub, to);
  add_batches(*sub, to);
  add_optimizer(*sub, to);
  add_run(*sub, to);
  sub->parse_complete_callback([sub, &to] {
    for (const CLI::Option* option : sub->get_options())
      if (option->count()) to.given.insert(option->get_single_name());
  });
  sub->footer(
      "The defaults suit a text as small as the bundled one (30 KB); for megabytes, drop less\n"
      "and give the model more: --dropout 0.1 --n-hidden 2048 --max-iters 50000.\n\n"
      "The first 90 % of the text are learnt, the rest is the validation part. DIR gets\n"
      "  step-*.safetensors         checkpoints: all that the run needs to go on, bit for bit\n"
      "  metrics.csv, metrics.jsonl  a row per --log-interval and checkpoint; only the latter has "
      "times\n"
      "  loss.svg                   the curve of the losses\n"
      "  tokens.bin                 the text as ids\n"
      "Tokens/s, the time left and the seconds count training alone, not what stands between.\n"
      "Ctrl-C and SIGTERM save a checkpoint first; a kill -9 loses the steps since the last one.\n"
      "--resume goes on from there. What a run was started with stays: --resume takes other\n"
      "values only for how long it goes and what it shows and keeps.\n\n"
      "Examples:\n"
      "  vitro train                                # the bundled stories, about a minute\n"
      "  vitro train book.txt --out-dir book --n-hidden 1024 --context 16\n"
      "  vitro train --out-dir words --tokenizer word --context 4\n"
      "  vitro train --resume --max-iters 6000      # go on, and further\n"
      "  vitro generate --model out --prompt \"The little\" --temperature 0.8");
  return sub;
}

CLI::App* add_eval(CLI::App& app, EvalOptions& to) {
  CLI::App* sub = app.add_subcommand("eval", "How well a trained model predicts a text");
  sub->add_option("text", to.text, "Text file (default: the one that the model was trained on)")
      ->type_name("FILE")
      ->check(file_name());
  add_saved(*sub, to.saved)->required();
  sub->add_flag("--whole", to.whole, "The whole text, not its last 10 %: the validation part");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "loss: nats per token, the mean of -ln p(token). perplexity: e^loss.\n"
      "bits per character: what the model would need to write the text down.\n\n"
      "Examples:\n"
      "  vitro eval --model out\n"
      "  vitro eval --model out letters.txt --whole --json");
  return sub;
}

std::string complaint(const std::string& option, const std::string& value) {
  static TrainOptions unused;
  static CLI::App app;
  static CLI::App* const train = add_train(app, unused);
  // Flags have no check; a file that was not given is the bundled text, or no model.
  const bool is_file = option == "text" || option == "init-from",
             is_flag = option == "unk" || option == "bias" || option == "allow-special";
  if (is_file || is_flag) return "";
  return (*train->get_option("--" + option)->get_validator(0))(value);
}

}  // namespace vitro::cli
