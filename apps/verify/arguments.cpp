// The options of `vitro verify`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_verify(CLI::App& app, VerifyOptions& to) {
  CLI::App* sub =
      app.add_subcommand("verify", "Hold a running model against the calculation by hand");
  add_model(*sub, to.model);
  add_saved_instead(*sub, to.saved);
  sub->add_option("--prompt", to.prompt, "Text that passes through (default: the model's own text)")
      ->type_name("TEXT")
      ->check(some_text());
  sub->add_option("--cell", to.cell,
                  "Show how this number of a Linear's output comes about, such as hidden[0,3,5]")
      ->type_name("PATH[i,j,k]");
  sub->add_option("--perturb", to.perturb,
                  "Spoil the output of MODULE by a thousandth, to see it found")
      ->type_name("[MODULE]")
      ->expected(0, 1)
      ->default_str("head");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "Forward: of every Linear, x W^T + b is computed in float64 by plain loops and compared "
      "with\n"
      "what the running model computed in float32. Gradients: backward against finite differences\n"
      "of a float64 copy. Ends with 0 if all agree, else with 1 and the names of what does not. Of "
      "a\n"
      "large model fewer tokens pass through, and gradients are compared at fewer places.\n\n"
      "One cell of the first Linear, or that of --cell, is shown product by product, so that a\n"
      "pocket calculator can follow: i is the text, j the token in it, k the output's place.\n"
      "--perturb shows what is found and no cell, unless --cell is given.\n\n"
      "Examples:\n"
      "  vitro verify\n"
      "  vitro verify --prompt \"The little\" --cell 'hidden[0,3,5]'\n"
      "  vitro verify --n-hidden 1024 --context 4 --activation silu\n"
      "  vitro verify --model out --prompt \"The kite\"\n"
      "  vitro verify --perturb hidden       # must fail, and name hidden\n"
      "  vitro verify --json | python3 -c 'import json, sys; "
      "print(json.load(sys.stdin)[\"agrees\"])'");
  return sub;
}

}  // namespace vitro::cli
