// The options of what is done with saved models: `vitro eval`, `vitro summary`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

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

CLI::App* add_summary(CLI::App& app, SummaryOptions& to) {
  CLI::App* sub = app.add_subcommand("summary", "The modules of a model, their weights and work");
  add_saved(*sub, to.saved);
  sub->add_option("--preset", to.preset, "A GPT without weights")
      ->type_name("NAME")
      ->check(one_of({"nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}))
      ->excludes("--model");
  sub->add_option("--vocab-size", to.vocab_size, "Its vocabulary (default: GPT-2's, 50257)")
      ->type_name("N")
      ->transform(whole(1, 10'000'000));
  sub->add_option("--tokens", to.tokens,
                  "Length of the text that MACs are counted for (default: "
                  "the longest context)")
      ->type_name("N")
      ->transform(whole(1, 1'000'000));
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "MACs: multiplications, each with an addition, of one forward. A tensor that two modules\n"
      "share is counted where it is named first.\n\n"
      "Examples:\n"
      "  vitro summary --preset gpt2\n"
      "  vitro summary --model out --tokens 1\n"
      "  vitro summary --preset gpt2-xl --json | python3 -m json.tool");
  return sub;
}

CLI::App* add_export(CLI::App& app, ExportOptions& to) {
  CLI::App* sub = app.add_subcommand("export", "A GPT as Hugging Face keeps GPT-2");
  add_saved(*sub, to.saved)->required();
  sub->add_option("--out", to.out, "Directory to write, made if there is none")
      ->type_name("DIR")
      ->required()
      ->check(file_name());
  sub->footer(
      "DIR gets config.json and model.safetensors, and for a tokenizer of byte pairs its files;\n"
      "characters and words have none there.\n\n"
      "Example:\n"
      "  vitro export --model out --out my-gpt2");
  return sub;
}

}  // namespace vitro::cli
