// The options of `vitro step`.
#include "apps/cli/arguments.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

// Whole numbers up to `most`: with larger ones, the step would need more than a page.
Values page_sizes(int64_t most) {
  const CLI::Validator range = whole(1, most);
  CLI::Validator check = {[range](std::string& text) -> std::string {
                            const std::string error = range(text);
                            return error.empty() ? "" : error + ", so that the step fits on a page";
                          },
                          "1.." + std::to_string(most)};
  return {Values::Kind::kWord, "N", check};
}

// Numbers that the page can show: `range`, but with at most 6 decimals.
Values page_numbers(const CLI::Validator& range, double most) {
  CLI::Validator check = {
      [range, most](std::string& text) -> std::string {
        if (std::string error = range(text); !error.empty()) return error;
        const size_t point = text.find('.');
        const bool is_short = text.find_first_of("eE") == text.npos &&
                              (point == text.npos || text.size() - point <= 7);
        return is_short && std::stod(text) <= most
                   ? ""
                   : format("expected at most %g, with at most 6 decimals, got ", most) +
                         in_quotes(text);
      },
      range.get_description()};
  return {Values::Kind::kWord, "X", check};
}

}  // namespace

CLI::App* add_step(CLI::App& app, StepOptions& to) {
  CLI::App* sub = app.add_subcommand(
      "step", "Calculate one training step on a page, to follow with a calculator");
  sub->add_option("--prompt", to.prompt,
                  with_default("Text whose characters are the vocabulary; its last character is "
                               "the target",
                               to.prompt))
      ->type_name("TEXT")
      ->check(some_text());
  add_with_default(*sub, "--context", to.context, page_sizes(2),
                   "Number of characters before the target that the model reads");
  add_with_default(*sub, "--n-embd", to.n_embd, page_sizes(3),
                   "Length of the embedding vector of a token");
  add_with_default(*sub, "--n-hidden", to.n_hidden, page_sizes(4), "Width of the hidden layer");
  add_with_default(*sub, "--activation", to.activation, names_of({"tanh", "relu", "gelu"}),
                   "Activation function between the linear layers");
  add_with_default(*sub, "--seed", to.seed, wholes(0, INT64_MAX), "Seed of the random weights");
  add_with_default(*sub, "--learning-rate,--lr", to.lr, page_numbers(positive_number(), 1),
                   "Learning rate of AdamW");
  add_with_default(*sub, "--weight-decay", to.weight_decay, page_numbers(number_from_zero(), 1),
                   "Weight decay of AdamW");
  add_with_default(*sub, "--beta1", to.beta1, page_numbers(number_below_one(), 1),
                   "Decay of AdamW's mean of the gradients");
  add_with_default(*sub, "--beta2", to.beta2, page_numbers(number_below_one(), 1),
                   "Decay of AdamW's mean of their squares");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "A MiniLM with very few random weights makes one training step: forward pass, loss, "
      "backward\n"
      "pass, AdamW. The page shows every product and every sum. It checks one gradient with a\n"
      "finite difference. The running model makes the same step in float32, and the page shows\n"
      "how far its numbers differ.\n\n"
      "Each number is calculated from the digits on the page, with exact decimal arithmetic, and\n"
      "rounded to 8 decimals (AdamW: 12). So a calculator finds the same digits. The weights are\n"
      "rounded to two decimals first, so that they are quick to type.\n\n"
      "Examples:\n"
      "  vitro step\n"
      "  vitro step --prompt abab --activation relu --lr 0.01\n"
      "  vitro step --prompt banana --context 2 --n-hidden 4\n"
      "  vitro step --json | python3 -m json.tool");
  return sub;
}

}  // namespace vitro::cli
