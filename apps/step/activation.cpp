// The activations and their derivatives with decimal numbers.
#include <cmath>
#include <numbers>

#include "apps/step/by_hand.h"
#include "apps/step/shown.h"

namespace vitro::cli {

namespace {

Decimal tanh_of(const Decimal& z) { return Decimal::rounded(std::tanh(z.value()), kDigits); }
// The normal distribution: the probability below z, and the density at z.
Decimal phi_below(const Decimal& z) {
  return Decimal::rounded(std::erfc(-z.value() / std::numbers::sqrt2) / 2, kDigits);
}
Decimal phi_at(const Decimal& z) {
  return Decimal::rounded(std::exp(-z.value() * z.value() / 2) / std::sqrt(2 * std::numbers::pi),
                          kDigits);
}

}  // namespace

std::string activation_formula(Activation activation) {
  switch (activation) {
    case Activation::kTanh: return "a = tanh(z)";
    case Activation::kRelu: return "a = max(0, z)";
    default: return "a = z Phi(z), Phi(z) = (1 + erf(z / sqrt(2))) / 2";
  }
}

std::string slope_formula(Activation activation) {
  switch (activation) {
    case Activation::kTanh: return "f'(z) = 1 - a^2";
    case Activation::kRelu: return "f'(z) = 1 if z > 0, else 0";
    default: return "f'(z) = Phi(z) + z phi(z), phi(z) = exp(-z^2 / 2) / sqrt(2 pi)";
  }
}

Shown activate_by_hand(Activation activation, const Decimal& z) {
  if (activation == Activation::kTanh) {
    const Decimal a = tanh_of(z);
    return {a, {"tanh(" + shown(z) + ") = " + shown(a)}};
  }
  if (activation == Activation::kRelu) {
    const Decimal a = z.value() > 0 ? z : zero();
    return {a, {"max(0, " + shown(z) + ") = " + shown(a)}};
  }
  const Decimal below = phi_below(z), a = times(z, below);
  return {a, {"Phi(" + shown(z) + ") = " + shown(below), product_text(z, below, a)}};
}

Shown slope_by_hand(Activation activation, const Decimal& z, const Decimal& a) {
  if (activation == Activation::kTanh) {
    const Decimal square = times(a, a), slope = Decimal::rounded(1, kDigits) - square;
    return {slope, {product_text(a, a, square), "1 - " + shown(square) + " = " + shown(slope)}};
  }
  if (activation == Activation::kRelu) {
    const Decimal slope = Decimal::rounded(z.value() > 0 ? 1 : 0, kDigits);
    return {slope, {shown(z) + (z.value() > 0 ? " > 0, so " : " <= 0, so ") + shown(slope)}};
  }
  const Decimal below = phi_below(z), density = phi_at(z), product = times(z, density);
  const Decimal slope = below + product;
  return {slope,
          {"phi(" + shown(z) + ") = " + shown(density), product_text(z, density, product),
           sum_text({below, product}) + " = " + shown(slope)}};
}

}  // namespace vitro::cli
