// The options of `vitro activations` and `vitro gradients`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

namespace {

void add_look(CLI::App& app, LookOptions& to) {
  app.add_option("--prompt", to.prompt, "Text that the model reads")
      ->type_name("TEXT")
      ->check(some_text());
  add_model(app, to.model);
  add_saved_instead(app, to.saved)->excludes("--text");
  add_allow_special(app, to.allow_special);
  app.add_option("--module", to.module, "Show only this module and the modules inside it")
      ->type_name("PATH")
      ->check(some_text());
  app.add_flag("--json", to.json, "Print one JSON object");
}

constexpr const char* kColumns =
    "mean, std and max |x| (the largest absolute value) are those of the finite numbers; std is\n"
    "the standard deviation. zeros is the share of numbers that are 0. NaN and inf count the\n"
    "numbers that are not finite. A model without a tokenizer reads random tokens.\n";

}  // namespace

CLI::App* add_activations(CLI::App& app, LookOptions& to) {
  CLI::App* sub =
      app.add_subcommand("activations", "Show a table of what each module computes for a prompt");
  add_look(*sub, to);
  sub->footer(
      "A hook is a function that runs when a module has computed its output. The command puts one\n"
      "on each module. A module named hook_... is a hook point: it returns its input, so that\n"
      "hooks can see a value inside a layer. Attention scores of later tokens are -inf, because\n"
      "no token may read a later one.\n\n" +
      std::string(kColumns) + '\n' + fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro activations --prompt \"The little\"\n"
      "  vitro activations --prompt \"The little\" --activation relu   # many zeros\n"
      "  vitro activations --model out --prompt \"The kite\" --module h.0.attn\n"
      "  vitro activations --model out --prompt \"The kite\" --json | python3 -m json.tool");
  return sub;
}

CLI::App* add_gradients(CLI::App& app, LookOptions& to) {
  CLI::App* sub =
      app.add_subcommand("gradients", "Show tables of the gradients that a prompt gives");
  add_look(*sub, to);
  sub->footer(
      "The loss L is the mean cross entropy of the next token, so the prompt needs at least 2\n"
      "tokens. A backward pass computes the gradient of L for each parameter. A hook is a\n"
      "function that runs when a module has computed its output, or when the gradient of this\n"
      "output is known; with hooks, the command also shows the gradient of each output. A module\n"
      "named hook_... is a hook point: it returns its input, so that hooks can see a value inside\n"
      "a layer. Nothing is trained: the parameters do not change.\n\n" +
      std::string(kColumns) + '\n' + fresh_model_note() +
      "\n"
      "Examples:\n"
      "  vitro gradients --prompt \"The little\"\n"
      "  vitro gradients --prompt \"The little\" --module hidden\n"
      "  vitro gradients --model out --prompt \"The kite\" --module h.0.mlp\n"
      "  vitro gradients --model out --prompt \"The kite\" --json | python3 -m json.tool");
  return sub;
}

}  // namespace vitro::cli
