// The options of `vitro verify`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_verify(CLI::App& app, VerifyOptions& to) {
  CLI::App* sub =
      app.add_subcommand("verify", "Recompute a model with plain loops, forward and backward");
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
                  "Show how one number of a module's output is computed, such as hidden[0,3,5]")
      ->type_name("PATH[i,j,k]");
  sub->add_option("--perturb", to.perturb,
                  "Plant a fault in a module, to see that verify finds it: PATH or PATH:forward "
                  "changes its output by a thousandth, PATH:backward its gradients (by 3 % in "
                  "bfloat16)")
      ->type_name("[PATH]")
      ->expected(0, 1)
      ->default_str("head");
  sub->add_flag("--detail", to.detail, "Show every module and every finite difference");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "verify computes the model again in float64, with plain loops that call no operation of\n"
      "vitro, and makes three comparisons. Local: each module computes from the input that it\n"
      "really had. Accumulated: the whole model computes from its tokens. Gradients: the gradient\n"
      "of every parameter and of every module's input, compared in both ways, and finite\n"
      "differences of a few numbers. The exit code is 0 if all agree; else it is 1, and the\n"
      "message names the first module that leaves its bound, and the element. A model of 124\n"
      "million parameters takes about a minute for 16 tokens.\n\n"
      "--cell shows one number step by step, so that you can follow with a pocket calculator. In\n"
      "PATH[i,j,k], i is the window of text, j the token in it and k the index in the output\n"
      "vector. The paths are those of vitro summary, and `model` is the whole model.\n"
      "probability[i,j,k] and loss[i,j] are the last steps.\n\n" +
      fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro verify\n"
      "  vitro verify --prompt \"The little\" --cell 'hidden[0,3,5]'\n"
      "  vitro verify --n-hidden 1024 --context 4 --activation silu\n"
      "  vitro verify --model out --prompt \"The kite\"\n"
      "  vitro verify --perturb hidden            # exits with 1 and names hidden\n"
      "  vitro verify --perturb hidden:backward   # the same for its gradients\n"
      "  vitro verify --json | python3 -c 'import json, sys; "
      "print(json.load(sys.stdin)[\"agrees\"])'");
  return sub;
}

}  // namespace vitro::cli
