// The backward pass and AdamW with decimal numbers.
#include <cmath>

#include "apps/step/by_hand.h"

namespace vitro::cli {

namespace {

// The products [j][i] = dy_i W_ij, whose sums over i are the gradient dx = dy W.
DecimalRows input_products(const Decimals& dy, const DecimalRows& weight) {
  DecimalRows all;
  for (size_t j = 0; j < weight[0].size(); ++j) {
    Decimals products;
    for (size_t i = 0; i < dy.size(); ++i) products.push_back(times(dy[i], weight[i][j]));
    all.push_back(std::move(products));
  }
  return all;
}

Decimals sums_of(const DecimalRows& rows) {
  Decimals sums;
  for (const Decimals& row : rows) sums.push_back(sum_of(row));
  return sums;
}

// dW_ij = dy_i x_j
DecimalRows weight_gradient(const Decimals& dy, const Decimals& x) {
  DecimalRows all;
  for (const Decimal& d : dy) {
    Decimals row;
    for (const Decimal& number : x) row.push_back(times(d, number));
    all.push_back(std::move(row));
  }
  return all;
}

// The rows of the tokens that were read get dx; a token that was read twice gets the sum.
DecimalRows embedding_gradient(const Decimals& dx, const HandInput& input,
                               const DecimalRows& embed) {
  const size_t size = embed[0].size();
  DecimalRows all(embed.size(), Decimals(size, zero()));
  for (size_t t = 0; t < input.ids.size(); ++t)
    for (size_t e = 0; e < size; ++e) {
      Decimal& sum = all[static_cast<size_t>(input.ids[t])][e];
      sum = sum + dx[t * size + e];
    }
  return all;
}

// The same number without zeros at its end.
Decimal shortest(const Decimal& x) {
  for (int digits = 0; digits < x.decimals(); ++digits)
    if (const Decimal other = with_digits(x, digits); other.value() == x.value()) return other;
  return x;
}

}  // namespace

HandBackward backward_by_hand(const HandParameters& parameters, const HandInput& input,
                              const HandForward& forward) {
  HandBackward all;
  for (size_t i = 0; i < forward.p.size(); ++i)
    all.dlogits.push_back(forward.p[i] -
                          Decimal::rounded(i == static_cast<size_t>(input.target), kDigits));
  all.da_products = input_products(all.dlogits, parameters.head);
  all.da = sums_of(all.da_products);
  for (size_t j = 0; j < all.da.size(); ++j) {
    all.slopes.push_back(slope_by_hand(input.activation, forward.hidden.y[j], forward.a[j].value));
    all.dz.push_back(times(all.da[j], all.slopes[j].value));
  }
  all.dx_products = input_products(all.dz, parameters.hidden);
  all.dx = sums_of(all.dx_products);
  all.gradients = {.embed = embedding_gradient(all.dx, input, parameters.embed),
                   .hidden = weight_gradient(all.dz, forward.x),
                   .head = weight_gradient(all.dlogits, forward.activations()),
                   .hidden_bias = {all.dz},
                   .head_bias = {all.dlogits}};
  return all;
}

HandRates rates_by_hand(double lr, double weight_decay, double beta1, double beta2) {
  const auto number = [](double x) { return Decimal::rounded(x, kStepDigits); };
  const Decimal one = number(1), b1 = number(beta1), b2 = number(beta2);
  return {.lr = shortest(number(lr)),
          .weight_decay = shortest(number(weight_decay)),
          .beta1 = shortest(b1),
          .beta2 = shortest(b2),
          .eps = shortest(number(1e-8)),
          .rest1 = shortest(one - b1),
          .rest2 = shortest(one - b2),
          .shrink = shortest(number(lr) * number(weight_decay))};
}

HandUpdate update_by_hand(const HandRates& rates, const Decimal& w, const Decimal& g) {
  const Decimal hundred = Decimal::rounded(100, 0), m = times(g, rates.rest1, kStepDigits),
                m_hat = m / rates.rest1, scaled = g * hundred,
                square = times(scaled, scaled, kStepDigits), v = square * rates.rest2,
                v_hat = v / rates.rest2,
                scaled_root = Decimal::rounded(std::sqrt(v_hat.value()), kStepDigits),
                root = scaled_root / hundred, divisor = root + with_digits(rates.eps, kStepDigits),
                quotient = m_hat / divisor, move = quotient * rates.lr,
                decay = times(rates.shrink, w, kStepDigits),
                exact = with_digits(w, kStepDigits) - decay - move;
  return {.m = m,
          .m_hat = m_hat,
          .scaled = scaled,
          .square = square,
          .v = v,
          .v_hat = v_hat,
          .scaled_root = scaled_root,
          .root = root,
          .divisor = divisor,
          .quotient = quotient,
          .move = move,
          .decay = decay,
          .exact = exact,
          .updated = with_digits(exact, kDigits)};
}

HandParameters updated_by_hand(const HandRates& rates, const HandParameters& parameters,
                               const HandParameters& gradients) {
  const auto updated = [&](const DecimalRows& w, const DecimalRows& g) {
    DecimalRows all = w;
    for (size_t i = 0; i < w.size(); ++i)
      for (size_t j = 0; j < w[i].size(); ++j)
        all[i][j] = update_by_hand(rates, w[i][j], g[i][j]).updated;
    return all;
  };
  return {.embed = updated(parameters.embed, gradients.embed),
          .hidden = updated(parameters.hidden, gradients.hidden),
          .head = updated(parameters.head, gradients.head),
          .hidden_bias = updated(parameters.hidden_bias, gradients.hidden_bias),
          .head_bias = updated(parameters.head_bias, gradients.head_bias)};
}

}  // namespace vitro::cli
