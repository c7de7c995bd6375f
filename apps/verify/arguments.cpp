// The options of `vitro verify`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_verify(CLI::App& app, VerifyOptions& to) {
  CLI::App* sub =
      app.add_subcommand("verify", "Hold a running model against the calculation by hand");
  add_model(*sub, to.model);
  add_saved_instead(*sub, to.saved);
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
      "Examples:\n"
      "  vitro verify\n"
      "  vitro verify --n-hidden 1024 --context 4 --activation silu\n"
      "  vitro verify --model out\n"
      "  vitro verify --perturb hidden       # must fail, and name hidden\n"
      "  vitro verify --json | python3 -c 'import json, sys; "
      "print(json.load(sys.stdin)[\"agrees\"])'");
  return sub;
}

}  // namespace vitro::cli
