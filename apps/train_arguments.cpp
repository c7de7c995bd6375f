// The options of `vitro train` and `vitro eval`.
#include "apps/arguments.h"

namespace vitro::cli {

namespace {

constexpr int64_t kMany = 1'000'000'000;

void add_batches(CLI::App& app, TrainOptions& to) {
  add_whole(app, "--batch-size", to.batch_size, 1, 65536, "Pieces of text per batch");
  add_whole(app, "--block-size", to.block_size, 1, 65536, "Tokens per piece");
  add_whole(app, "--gradient-accumulation-steps", to.gradient_accumulation_steps, 1, 65536,
            "Batches per step");
  add_whole(app, "--max-iters", to.max_iters, 0, kMany, "Steps in all");
}

void add_optimizer(CLI::App& app, TrainOptions& to) {
  add_number(app, "--learning-rate,--lr", to.learning_rate, positive_number(),
             "AdamW's largest learning rate");
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
  add_number(app, "--weight-decay", to.weight_decay, number_from_zero(), "Of matrices only");
  add_number(app, "--beta1", to.beta1, number_below_one(), "Of the mean of the gradients");
  add_number(app, "--beta2", to.beta2, number_below_one(), "Of the mean of their squares");
  add_number(app, "--grad-clip", to.grad_clip, number_from_zero(),
             "Largest norm of all gradients; 0: any");
  add_number(app, "--dropout", to.dropout, number_below_one(),
             "Part of the hidden activations that a step leaves out");
  app.add_option("--dtype", to.dtype, "Of parameters and activations (default: float32)")
      ->type_name("NAME")
      ->check(one_of({"float32", "float64"}));
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
  add_tokens(*sub, to.model.text);
  add_sizes(*sub, to.model);
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
  sub->add_option("--model", to.saved, "A run of `vitro train`, or one of its checkpoints")
      ->type_name("DIR")
      ->required()
      ->check(file_name());
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

}  // namespace vitro::cli
