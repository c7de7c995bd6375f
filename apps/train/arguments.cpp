// The options of `vitro train` and `vitro eval`.
#include "apps/cli/arguments.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

constexpr const char* kMiniGroup = "A MiniLM";
constexpr const char* kGPTGroup = "A GPT (each of these implies --model-type gpt)";

// The help's meaning and default, which of a GPT may be another.
template <class T>
std::string help_of(const OptionRow& row, const T& mini, const T& gpt) {
  if (row.shown_default)
    return row.shown_default->empty() ? row.meaning : with_default(row.meaning, *row.shown_default);
  if constexpr (std::is_same_v<T, bool>) return row.meaning;
  else
    return with_default(
        row.meaning, as_default(mini) +
                         (row.model == ForModel::kAny && gpt != mini && row.names != "--model-type"
                              ? "; of a GPT: " + as_default(gpt)
                              : ""));
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainOptions& to) {
  CLI::App* sub = app.add_subcommand("train", "Train a model on a text, and keep it");
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
      "The defaults suit a text as small as the bundled one (30 KB); for megabytes, drop less\n"
      "and give the model more: --dropout 0.1 --n-hidden 2048 --max-iters 50000.\n\n"
      "The text is UTF-8: a file, or what a pipe or FIFO gives. A byte order mark before it is "
      "left\n"
      "out; line ends stay as they are, so that CR LF is two characters to learn.\n\n"
      "The first 90 % of the text are learnt, the rest is the validation part. DIR gets\n"
      "  step-*.safetensors         checkpoints: all that the run needs to go on, bit for bit\n"
      "  metrics.csv, metrics.jsonl  a row per --log-interval and checkpoint; only the latter has "
      "times\n"
      "  loss.svg                   the curve of the losses\n"
      "  tokens.bin                 the text as ids; --resume makes it again where it is missing\n"
      "  lock                       as long as the run has the directory: no other may train "
      "there\n"
      "Tokens/s, the time left and the seconds count training alone, not what stands between.\n"
      "The checkpoint of the lowest validation loss is kept beside the newest ones.\n"
      "Ctrl-C, SIGTERM and a terminal that closes save a checkpoint first; a kill -9 loses the\n"
      "steps since the last one.\n"
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
  sub->add_option(
         "text", to.text,
         "Text file, - for standard input (default: the one that the model was trained on)")
      ->type_name("FILE")
      ->check(file_name());
  add_saved(*sub, to.saved)->required();
  sub->add_flag("--whole", to.whole, "The whole text, not its last 10 %: the validation part");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "loss: nats per token, the mean of -ln p(token). perplexity: e^loss.\n"
      "bits per character: what the model would need to write the text down.\n"
      "Each token is predicted from those before it in a window that is as long as the model "
      "takes,\n"
      "of a MiniLM 256 tokens. The validation loss of vitro train is the same number, as long as\n"
      "--eval-iters batches hold the validation part.\n\n"
      "Examples:\n"
      "  vitro eval --model out\n"
      "  vitro eval --model out letters.txt --whole --json");
  return sub;
}

}  // namespace vitro::cli
