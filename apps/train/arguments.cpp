// The options of `vitro train` and `vitro eval`.
#include "apps/cli/arguments.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

constexpr const char* kMiniGroup = "Options of a MiniLM";
constexpr const char* kGPTGroup = "Options of a GPT (each implies --model-type gpt)";

// The text of the help: the meaning and the default, with the default of a GPT if it differs.
template <class T>
std::string help_of(const OptionRow& row, const T& mini, const T& gpt) {
  if (row.shown_default)
    return row.shown_default->empty() ? row.meaning : with_default(row.meaning, *row.shown_default);
  if constexpr (std::is_same_v<T, bool>) return row.meaning;
  else
    return with_default(
        row.meaning, as_default(mini) +
                         (row.model == ForModel::kAny && gpt != mini && row.names != "--model-type"
                              ? "; for a GPT: " + as_default(gpt)
                              : ""));
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainOptions& to) {
  CLI::App* sub = app.add_subcommand("train", "Train a model on a text, and save it");
  const TrainOptions mini, gpt = gpt_defaults(to.gpt.preset);
  each_option(
      [&](const OptionRow& row, auto& field, const auto& of_mini, const auto& of_gpt) {
        CLI::Option* const option =
            add_value(*sub, row.names, field, row.values,
                      help_of(row, row.model == ForModel::kGPT ? of_gpt : of_mini, of_gpt));
        if (row.model != ForModel::kAny)
          option->group(row.model == ForModel::kGPT ? kGPTGroup : kMiniGroup);
      },
      to, mini, gpt);
  for (const char* name : {"--preset", "--tokenizer", "--vocab-size", "--unk"})
    sub->get_option("--init-from")->excludes(sub->get_option(name));
  sub->parse_complete_callback([sub, &to] {
    for (const CLI::Option* option : sub->get_options())
      if (option->count()) to.given.insert(option->get_single_name());
  });
  sub->footer(
      "The defaults suit a text as small as the bundled one (30 KB). For a text of megabytes, use\n"
      "less dropout, a larger model and more steps:\n"
      "--dropout 0.1 --n-hidden 2048 --max-iters 50000.\n\n"
      "The text is UTF-8, from a file, a pipe or a FIFO. A byte order mark at its start is left\n"
      "out. Line ends stay as they are, so CR LF is two characters to learn.\n\n"
      "The model learns the first 90 % of the text; the rest is the validation part. The "
      "directory\n"
      "of the run gets these files:\n"
      "  step-*.safetensors          checkpoints: --resume continues from them bit for bit\n"
      "  metrics.csv, metrics.jsonl  one row per --log-interval and per checkpoint; only\n"
      "                              metrics.jsonl has times\n"
      "  loss.svg                    the curve of the losses\n"
      "  tokens.bin                  the text as ids; --resume makes a missing one again\n"
      "  vitro.lock                  locked while a run trains here; other runs are refused\n"
      "Tokens/s, the time left and the seconds count only the training steps, not validation,\n"
      "samples and checkpoints. The newest checkpoints are kept, and the one with the lowest\n"
      "validation loss. Ctrl-C, SIGTERM and a closed terminal save a checkpoint first; kill -9\n"
      "loses the steps since the last checkpoint.\n\n"
      "--resume continues the run in --out-dir with the options of that run. It accepts other\n"
      "values only for --max-iters, --keep, --eval-interval, --eval-iters, --log-interval and\n"
      "--sample-tokens.\n\n" +
      fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro train                                # learn the bundled stories (a minute)\n"
      "  vitro train book.txt --out-dir book --n-hidden 1024 --context 16\n"
      "  vitro train --out-dir words --tokenizer word --context 4\n"
      "  vitro train --resume --max-iters 6000      # continue up to step 6000\n"
      "  vitro generate --model out --prompt \"The little\" --temperature 0.8");
  return sub;
}

CLI::App* add_eval(CLI::App& app, EvalOptions& to) {
  CLI::App* sub = app.add_subcommand("eval", "Measure how well a trained model predicts a text");
  CLI::Option* const positional =
      sub->add_option("text", to.text,
                      "Text file; - reads standard input (default: the text that the model was "
                      "trained on)")
          ->type_name("FILE")
          ->check(file_name());
  sub->add_option("--text", to.text, "The same text file, given as an option")
      ->type_name("FILE")
      ->check(file_name())
      ->excludes(positional);
  add_saved(*sub, to.saved)->required();
  sub->add_flag("--whole", to.whole,
                "Use the whole text, not only its last 10 % (the validation part)");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "loss: the mean of -ln p(token), in nats per token. perplexity: e^loss.\n"
      "bits per character: the length of the text in bits, compressed with the model, divided by\n"
      "its number of characters.\n"
      "Each token is predicted from the tokens before it in a window. The window of a GPT is as\n"
      "long as its context, the window of a MiniLM has 256 tokens. The validation loss that vitro\n"
      "train shows is the same number if --eval-iters batches cover the whole validation part.\n\n"
      "Examples:\n"
      "  vitro eval --model out\n"
      "  vitro eval --model out --text letters.txt --whole --json");
  return sub;
}

}  // namespace vitro::cli
