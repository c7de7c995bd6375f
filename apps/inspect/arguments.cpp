// The options of `vitro graph`, `vitro summary` and `vitro export`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_graph(CLI::App& app, GraphOptions& to) {
  CLI::App* sub = app.add_subcommand("graph", "Draw the graph that a forward pass records");
  sub->add_option("--prompt", to.prompt, "Text that the model reads")
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
      "Writes the graph in DOT, the language of Graphviz. An ellipse is an op, with its shape and\n"
      "the module that ran it (such as h.1.attn); a box is a parameter; text without a frame is\n"
      "the ids of the tokens, or other numbers that are not trained.\n" +
      fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro graph --prompt \"The\" | dot -Tsvg > graph.svg\n"
      "  vitro graph --model out --prompt \"The kite\" --out graph.dot\n"
      "  vitro graph --prompt \"The\" --context 3 --out graph.dot");
  return sub;
}

CLI::App* add_summary(CLI::App& app, SummaryOptions& to) {
  CLI::App* sub =
      app.add_subcommand("summary", "List the modules of a model, with parameters and MACs");
  add_saved(*sub, to.saved);
  sub->add_option("--preset", to.preset, "Known GPT to list without its weights")
      ->type_name("NAME")
      ->check(one_of({"nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}))
      ->excludes("--model");
  sub->add_option("--vocab-size", to.vocab_size,
                  "Vocabulary size of the preset (default: 50257, as in GPT-2)")
      ->type_name("N")
      ->transform(whole(1, 10'000'000));
  sub->add_option("--tokens", to.tokens,
                  "Length of the text that MACs are counted for (default: "
                  "the model's context)")
      ->type_name("N")
      ->transform(whole(1, 1'000'000));
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "MACs: the number of multiplications in one forward pass, each followed by an addition. A\n"
      "tensor that two modules share is counted once, in the first of them.\n\n"
      "Examples:\n"
      "  vitro summary --preset gpt2\n"
      "  vitro summary --model out --tokens 1\n"
      "  vitro summary --preset gpt2-xl --json | python3 -m json.tool");
  return sub;
}

CLI::App* add_export(CLI::App& app, ExportOptions& to) {
  CLI::App* sub = app.add_subcommand("export", "Save a GPT in Hugging Face's format for GPT-2");
  add_saved(*sub, to.saved)->required();
  sub->add_option("--out", to.out, "Directory to write to; it is made if it does not exist")
      ->type_name("DIR")
      ->required()
      ->check(file_name());
  sub->footer(
      "Writes config.json and model.safetensors into DIR. A byte-pair tokenizer is saved too; the\n"
      "format has no tokenizers of characters or words.\n\n"
      "Example:\n"
      "  vitro export --model out --out my-gpt2");
  return sub;
}

}  // namespace vitro::cli
