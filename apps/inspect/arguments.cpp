// The options of `vitro graph`, `vitro summary` and `vitro export`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_graph(CLI::App& app, GraphOptions& to) {
  CLI::App* sub = app.add_subcommand("graph", "Draw the graph that a forward pass records");
  sub->add_option("--prompt", to.prompt, "Text that goes through the model")
      ->type_name("TEXT")
      ->required()
      ->check(some_text());
  add_model(*sub, to.model);
  add_saved_instead(*sub, to.saved)->excludes("--text");
  add_allow_special(*sub, to.allow_special);
  sub->add_option("--out", to.out, "File to write (default: standard output)")
      ->type_name("FILE")
      ->check(file_name());
  sub->footer(
      "Writes the DOT language of Graphviz: ops with their shapes and the modules that ran them\n"
      "(such as h.1.attn), parameters in boxes, and, without a frame, the ids of the tokens and\n"
      "numbers that nobody learns. Without --model it is a MiniLM with random weights.\n\n"
      "Examples:\n"
      "  vitro graph --prompt \"The\" | dot -Tsvg > graph.svg\n"
      "  vitro graph --model out --prompt \"The kite\" --out graph.dot\n"
      "  vitro graph --prompt \"The\" --context 3 --out graph.dot");
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
