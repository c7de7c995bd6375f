// `vitro step`: one training step of a tiny MiniLM by hand, next to the running model.
#include "apps/step/step.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/output.h"
#include "models/text/char/char_tokenizer.h"

namespace vitro::cli {

namespace {

constexpr int64_t kMostTokens = 5;  // the largest vocabulary that fits on a page

// The tokens of the prompt, and what the model reads of them: the last token is the target.
struct Reading {
  std::vector<std::string> tokens;
  HandInput input;
};

Reading reading_of(const StepOptions& options) {
  const text::CharTokenizer tokenizer = text::CharTokenizer::fit(options.prompt);
  const int64_t count = tokenizer.vocab_size();
  check<UsageError>(2 <= count && count <= kMostTokens, "--prompt: expected 2 to ", kMostTokens,
                    " different characters, so that the step fits on a page, got ", count);
  std::vector<int64_t> ids = tokenizer.encode(options.prompt);
  check<UsageError>(std::ssize(ids) > options.context, "--prompt: expected at least ",
                    options.context + 1, " characters for --context ", options.context, ", got ",
                    ids.size());
  Reading reading{.tokens = {},
                  .input = {.ids = {ids.end() - 1 - options.context, ids.end() - 1},
                            .target = ids.back(),
                            .activation = activation_of(options.activation)}};
  for (int64_t id = 0; id < count; ++id) reading.tokens.push_back(in_quotes(tokenizer.token(id)));
  return reading;
}

// Draws the weights from the seed, and rounds them to kWeightDigits decimals.
models::MiniLM small_model(const StepOptions& options, int64_t vocab_size) {
  manual_seed(static_cast<uint64_t>(options.seed));
  models::MiniLM model({.vocab_size = vocab_size,
                        .n_embd = options.n_embd,
                        .n_hidden = options.n_hidden,
                        .context = options.context,
                        .activation = activation_of(options.activation)});
  NoGradGuard no_grad;
  for (auto& [name, parameter] : model.named_parameters()) {
    float* p = parameter.mutable_data<float>();
    for (int64_t i = 0; i < parameter.numel(); ++i)
      p[i] = static_cast<float>(Decimal::rounded(p[i], kWeightDigits).value());
  }
  return model;
}

DecimalRows rows_of(const Tensor& x) {
  DecimalRows rows(static_cast<size_t>(x.rank() == 2 ? x.size(0) : 1));
  const int64_t columns = x.size(-1);
  for (int64_t i = 0; i < x.numel(); ++i)
    rows[static_cast<size_t>(i / columns)].push_back(
        Decimal::rounded(x.data<float>()[i], kWeightDigits));
  return rows;
}
HandParameters parameters_of(const models::MiniLM& model) {
  return {.embed = rows_of(model.embed.weight),
          .hidden = rows_of(model.hidden.weight),
          .head = rows_of(model.head.weight),
          .hidden_bias = rows_of(model.hidden.bias),
          .head_bias = rows_of(model.head.bias)};
}

// The step of the running model, in float32.
RunningStep run_step(models::MiniLM& model, const HandInput& input, const StepOptions& options) {
  const Tensor ids = unsqueeze(from_span(std::span(input.ids)), 0),
               target = from_span(std::span(&input.target, 1));
  const auto loss_now = [&] { return cross_entropy(model(ids).select(1, -1), target); };
  optim::AdamW optimizer(model.named_parameters(), {.lr = options.lr,
                                                    .beta1 = options.beta1,
                                                    .beta2 = options.beta2,
                                                    .weight_decay = options.weight_decay});
  const Tensor loss = loss_now();
  loss.backward();
  RunningStep running;
  running.loss = loss.item();
  for (const auto& [name, parameter] : model.named_parameters())
    running.gradients.emplace_back(name, parameter.grad().clone());
  optimizer.step();
  NoGradGuard no_grad;
  running.new_loss = loss_now().item();
  for (const auto& [name, parameter] : model.named_parameters())
    running.updated.emplace_back(name, parameter.detach().clone());
  return running;
}

// The weight of hidden with the largest gradient: its digits show most.
std::pair<size_t, size_t> largest_of(const DecimalRows& gradient) {
  std::pair<size_t, size_t> found = {0, 0};
  for (size_t i = 0; i < gradient.size(); ++i)
    for (size_t j = 0; j < gradient[i].size(); ++j)
      if (std::abs(gradient[i][j].value()) > std::abs(gradient[found.first][found.second].value()))
        found = {i, j};
  return found;
}

// The h of the finite difference: 0.01, or less if z would cross 0, where relu has a corner.
Decimal width_of(Activation activation, const HandForward& forward, size_t row, size_t column) {
  const double z = std::abs(forward.hidden.y[row].value()), x = std::abs(forward.x[column].value());
  int digits = kWeightDigits;
  while (activation == Activation::kRelu && digits < 5 && std::pow(10.0, -digits) * x >= z)
    ++digits;
  return Decimal::rounded(std::pow(10.0, -digits), digits);
}

}  // namespace

std::vector<NamedRows> named_rows(const HandParameters& parameters) {
  return {{"embed.weight", &parameters.embed},
          {"hidden.weight", &parameters.hidden},
          {"hidden.bias", &parameters.hidden_bias},
          {"head.weight", &parameters.head},
          {"head.bias", &parameters.head_bias}};
}

double number_at(const NamedTensors& model, const std::string& name, size_t i, size_t j,
                 size_t columns) {
  for (const auto& [known, x] : model)
    if (known == name) return x.contiguous().data<float>()[i * columns + j];
  fail<ValueError>("step: expected the name of a parameter, got ", name);
}

double difference(const HandParameters& by_hand, const NamedTensors& model) {
  double largest = 0;
  for (const auto& [name, rows] : named_rows(by_hand))
    for (size_t i = 0; i < rows->size(); ++i)
      for (size_t j = 0; j < (*rows)[i].size(); ++j)
        largest = std::max(largest, std::abs((*rows)[i][j].value() -
                                             number_at(model, name, i, j, (*rows)[i].size())));
  return largest;
}

int step(const StepOptions& options) {
  const auto [tokens, input] = reading_of(options);
  models::MiniLM model = small_model(options, std::ssize(tokens));
  const HandParameters before = parameters_of(model);
  const RunningStep running = run_step(model, input, options);

  const HandForward forward = forward_by_hand(before, input);
  const HandBackward backward = backward_by_hand(before, input, forward);
  const auto [row, column] = largest_of(backward.gradients.hidden);
  const Decimal h = width_of(input.activation, forward, row, column);
  const HandMoved above = moved_by_hand(before, input, forward, row, column, h),
                  below =
                      moved_by_hand(before, input, forward, row, column, zero(h.decimals()) - h);
  const Decimal rise = above.loss - below.loss, width = h + h;
  const HandRates rates =
      rates_by_hand(options.lr, options.weight_decay, options.beta1, options.beta2);
  const HandParameters after = updated_by_hand(rates, before, backward.gradients);
  const Step all{.options = options,
                 .tokens = tokens,
                 .input = input,
                 .rates = rates,
                 .before = before,
                 .after = after,
                 .forward = forward,
                 .again = forward_by_hand(after, input),
                 .backward = backward,
                 .row = row,
                 .column = column,
                 .h = h,
                 .above = above,
                 .below = below,
                 .rise = rise,
                 .width = width,
                 .slope = rise / width,
                 .update = update_by_hand(rates, before.hidden[row][column],
                                          backward.gradients.hidden[row][column]),
                 .running = running};
  if (options.json) print_json(all);
  else write_out(page_of(all));
  return 0;
}

}  // namespace vitro::cli
