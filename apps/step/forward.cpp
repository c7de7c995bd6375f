// The forward pass of a MiniLM with decimal numbers.
#include <cmath>

#include "apps/step/by_hand.h"
#include "framework/base/error.h"

namespace vitro::cli {

namespace {

constexpr double kMostLogit = 16;  // exp has at most 7 digits before the point

Decimal exp_of(const Decimal& x) {
  check<ValueError>(std::abs(x.value()) <= kMostLogit, "--lr: expected logits of at most ",
                    kMostLogit, " after the step, got ", x.value(), "; choose a smaller --lr");
  return Decimal::rounded(std::exp(x.value()), kDigits);
}

}  // namespace

Decimal sum_of(const Decimals& terms) {
  Decimal sum = zero();
  for (const Decimal& term : terms) sum = sum + with_digits(term, kDigits);
  return sum;
}

HandLinear linear_by_hand(const Decimals& x, const DecimalRows& weight, const Decimals& bias) {
  HandLinear all;
  for (size_t i = 0; i < weight.size(); ++i) {
    Decimals products;
    for (size_t j = 0; j < x.size(); ++j) products.push_back(times(x[j], weight[i][j]));
    all.y.push_back(sum_of(products) + with_digits(bias[i], kDigits));
    all.products.push_back(std::move(products));
  }
  return all;
}

Decimals HandForward::activations() const {
  Decimals values;
  for (const Shown& one : a) values.push_back(one.value);
  return values;
}

void finish_forward(HandForward& forward, int64_t target) {
  for (const Decimal& logit : forward.head.y) forward.exps.push_back(exp_of(logit));
  forward.sum = sum_of(forward.exps);
  for (const Decimal& e : forward.exps) forward.p.push_back(over(e, forward.sum));
  const Decimal& p = forward.p[static_cast<size_t>(target)];
  check<ValueError>(p.value() > 0, "--lr: expected a probability above 0 after the step, got ",
                    p.text(), "; choose a smaller --lr");
  forward.loss = Decimal::rounded(-std::log(p.value()), kDigits);
}

HandForward forward_by_hand(const HandParameters& parameters, const HandInput& input) {
  HandForward all;
  for (const int64_t id : input.ids)
    for (const Decimal& number : parameters.embed[static_cast<size_t>(id)]) all.x.push_back(number);
  all.hidden = linear_by_hand(all.x, parameters.hidden, parameters.hidden_bias[0]);
  for (const Decimal& z : all.hidden.y) all.a.push_back(activate_by_hand(input.activation, z));
  all.head = linear_by_hand(all.activations(), parameters.head, parameters.head_bias[0]);
  finish_forward(all, input.target);
  return all;
}

HandMoved moved_by_hand(const HandParameters& parameters, const HandInput& input,
                        const HandForward& forward, size_t row, size_t column, const Decimal& h) {
  DecimalRows weight = {parameters.hidden[row]};
  weight[0][column] = with_digits(weight[0][column], h.decimals()) + h;
  const HandLinear moved = linear_by_hand(forward.x, weight, {parameters.hidden_bias[0][row]});
  const Shown a = activate_by_hand(input.activation, moved.y[0]);
  const Decimal difference = a.value - forward.a[row].value;
  HandForward after;
  Decimals changes;
  for (size_t i = 0; i < parameters.head.size(); ++i) {
    changes.push_back(times(difference, parameters.head[i][row]));
    after.head.y.push_back(forward.head.y[i] + changes[i]);
  }
  finish_forward(after, input.target);
  return {.weight = weight[0][column],
          .z = moved.y[0],
          .products = moved.products[0],
          .a = a,
          .difference = difference,
          .changes = changes,
          .logits = after.head.y,
          .exps = after.exps,
          .sum = after.sum,
          .p = after.p[static_cast<size_t>(input.target)],
          .loss = after.loss};
}

}  // namespace vitro::cli
