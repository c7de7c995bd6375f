// The options of `vitro verify`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_verify(CLI::App& app, VerifyOptions& to) {
  CLI::App* sub =
      app.add_subcommand("verify", "Compare what a running model computes with its formulas");
  add_model(*sub, to.model);
  add_saved_instead(*sub, to.saved);
  sub->get_option("--text")->description(
      "Text file that the vocabulary is made from or, with --model, that the model reads; - reads "
      "standard input (default: the bundled stories or, with --model, the text of the run)");
  sub->add_option("--prompt", to.prompt,
                  "Text that the model reads (default: the start of its own text)")
      ->type_name("TEXT")
      ->check(some_text());
  sub->add_option("--cell", to.cell,
                  "Show how one number of a Linear's output is computed, such as hidden[0,3,5]")
      ->type_name("PATH[i,j,k]");
  sub->add_option("--perturb", to.perturb,
                  "Change the output of MODULE by a thousandth, to see that verify finds it")
      ->type_name("[MODULE]")
      ->expected(0, 1)
      ->default_str("head");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "Forward: plain loops compute x W^T + b of every Linear in float64, and verify compares the\n"
      "result with what the running model computed in float32. Gradients: the gradients of\n"
      "backward are compared with finite differences of a float64 copy of the model. The exit "
      "code\n"
      "is 0 if all agree; else it is 1, and the message names the modules or gradients that do\n"
      "not. A large model reads fewer tokens, and fewer of its gradients are compared.\n\n"
      "One number is shown product by product, so that you can follow with a pocket calculator.\n"
      "It is a number of the first Linear, unless --cell names another. In PATH[i,j,k], i is the\n"
      "window of text, j the token in it and k the index in the output vector. With --perturb, a\n"
      "number is shown only if --cell is given.\n\n" +
      fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro verify\n"
      "  vitro verify --prompt \"The little\" --cell 'hidden[0,3,5]'\n"
      "  vitro verify --n-hidden 1024 --context 4 --activation silu\n"
      "  vitro verify --model out --prompt \"The kite\"\n"
      "  vitro verify --perturb hidden       # exits with 1 and names hidden\n"
      "  vitro verify --json | python3 -c 'import json, sys; "
      "print(json.load(sys.stdin)[\"agrees\"])'");
  return sub;
}

}  // namespace vitro::cli
