// The first part of the page of `vitro step`: the model, the forward pass and the loss.
#include <cmath>

#include "apps/cli/output.h"
#include "apps/step/shown.h"
#include "apps/step/step.h"

namespace vitro::cli {

namespace {

// "a" "b", the tokens that the model reads.
std::string read_tokens(const Step& step) {
  std::string text;
  for (const int64_t id : step.input.ids)
    text += (text.empty() ? "" : " ") + step.tokens[static_cast<size_t>(id)];
  return text;
}

std::string introduction(const Step& step) {
  std::string vocabulary;
  for (size_t i = 0; i < step.tokens.size(); ++i)
    vocabulary += (i == 0 ? "" : ", ") + step.tokens[i] + " is " + std::to_string(i);
  const HandParameters& w = step.before;
  return "One training step of a MiniLM, by hand\n\n"
         "The model reads " +
         read_tokens(step) + " and predicts the next token; the target is " +
         step.tokens[static_cast<size_t>(step.input.target)] + ". The ids of the tokens:\n" +
         vocabulary + ".\nIts sizes: embedding E = " + std::to_string(w.embed[0].size()) +
         ", hidden layer H = " + std::to_string(w.hidden.size()) +
         ", vocabulary V = " + std::to_string(w.embed.size()) + ".\nThe weights are random (seed " +
         std::to_string(step.options.seed) +
         "), rounded to 2 decimals. Each result is calculated from the digits\n"
         "shown and rounded to 8 decimals, so a calculator finds the same digits.\n\n"
         "1. The parameters\n\n";
}

std::string parameters_text(const HandParameters& parameters) {
  std::vector<std::vector<std::string>> lines;
  const auto add = [&](const std::string& name, const DecimalRows& rows,
                       const DecimalRows& biases) {
    for (size_t i = 0; i < rows.size(); ++i) {
      std::string numbers, bias;
      for (const Decimal& w : rows[i]) numbers += (numbers.empty() ? "" : "  ") + aligned(w);
      if (!biases.empty()) bias = numbered(name + ".bias", i) + "  " + aligned(biases[0][i]);
      lines.push_back({numbered(name + ".weight", i), numbers, bias});
    }
  };
  add("embed", parameters.embed, {});
  add("hidden", parameters.hidden, parameters.hidden_bias);
  add("head", parameters.head, parameters.head_bias);
  return text::table(lines, 3);
}

std::string embedding_text(const Step& step) {
  std::vector<std::string> texts;
  for (const Decimal& number : step.forward.x) texts.push_back(aligned(number));
  std::string rows;
  for (const int64_t id : step.input.ids)
    rows += (rows.empty() ? "" : " and ") + std::to_string(id);
  const bool is_one = step.input.ids.size() == 1;
  return "\n2. Embedding: x is row " + rows + " of embed.weight" +
         (is_one ? "" : ", side by side") + "\n\n" + in_columns({{"x", texts}});
}

}  // namespace

std::string forward_page(const Step& step) {
  const HandForward& f = step.forward;
  std::vector<ColumnRow> activations;
  for (size_t i = 0; i < f.a.size(); ++i) activations.push_back({numbered("a", i), f.a[i].steps});
  return introduction(step) + parameters_text(step.before) + embedding_text(step) +
         "\n3. Hidden layer: z = x W^T + b, with W = hidden.weight and b = hidden.bias\n\n" +
         linear_text("z", f.x, step.before.hidden, step.before.hidden_bias[0], f.hidden) +
         "\n4. Activation: " + activation_formula(step.input.activation) + "\n\n" +
         in_columns(activations) +
         "\n5. Head: logits l = a W^T + b, with W = head.weight and b = head.bias\n\n" +
         linear_text("l", f.activations(), step.before.head, step.before.head_bias[0], f.head) +
         "\n6. Softmax and loss: p_i = exp(l_i) / sum of all exp(l_j), L = -log(p of the "
         "target)\n\n" +
         softmax_text(f.head.y, f, step.input.target, step.tokens) +
         format("   The running model has L = %.8f; it differs by %s.\n", step.running.loss,
                small(std::abs(step.running.loss - f.loss.value())).c_str());
}

std::string page_of(const Step& step) {
  return forward_page(step) + backward_page(step) + check_page(step) + update_page(step) +
         after_page(step);
}

}  // namespace vitro::cli
