// The activations by hand, and the modules GELU, ReLU, Tanh, Sigmoid and SiLU.
#include "models/proof/kinds/activation.h"

#include <numbers>

#include "models/layers/layers.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

// 1 / (1 + e^-x), without overflow.
Sized logistic(const Sized& x) {
  if (x.value >= 0) return inverse(exact(1) + exp(-1.0 * x));
  const Sized e = exp(x);
  return e * inverse(exact(1) + e);
}

// Phi(x), the cumulative distribution function of the normal, and its slope phi(x).
Sized normal_share(double x) {
  const double share = std::erfc(-x / std::numbers::sqrt2) / 2;
  return {share, share * (1 + x * x), 0};
}
Sized normal_density(double x) {
  return 1 / std::sqrt(2 * std::numbers::pi) * exp(exact(-x * x / 2));
}

// 2 u, u = sqrt(2/pi) (x + 0.044715 x^3), and its slope.
const double kScale = 2 * std::sqrt(2 / std::numbers::pi);
Sized twice_u(double x) { return kScale * (exact(x) + exact(0.044715 * x * x * x)); }
Sized twice_u_slope(double x) { return kScale * (exact(1) + exact(3 * 0.044715 * x * x)); }

// Beyond it, x f(x) is 0 or x, and its slope is 0 or 1.
constexpr double kGateEnd = 1000;

bool is_gated(Activation f) {
  return f == Activation::kGelu || f == Activation::kGeluTanh || f == Activation::kSilu;
}

Activation gelu_of(const nn::GELU& m) {
  return m.form == GeluForm::kErf ? Activation::kGelu : Activation::kGeluTanh;
}

Kind activation_kind(std::string formula, Activation f) {
  return {.formula = std::move(formula),
          .forward = [f](nn::Module&, Hand&, const Array& x) { return activation_by_hand(f, x); },
          .backward = [f](nn::Module&, Hand&, const Array& x,
                          const Array& dy) { return activation_gradient(f, x, dy); }};
}

}  // namespace

Sized activation_by_hand(Activation f, double x) {
  if (is_gated(f) && std::abs(x) > kGateEnd) return exact(x > 0 ? x : 0);
  switch (f) {
    case Activation::kNone: return exact(x);
    case Activation::kRelu: return exact(x > 0 || std::isnan(x) ? x : 0);
    case Activation::kTanh: return exact(std::tanh(x));
    case Activation::kSigmoid: return logistic(exact(x));
    case Activation::kGelu: return x * normal_share(x);
    case Activation::kGeluTanh: return x * logistic(twice_u(x));
    case Activation::kSilu: return x * logistic(exact(x));
  }
  return {};
}

Sized slope_by_hand(Activation f, double x) {
  if (is_gated(f) && std::abs(x) > kGateEnd) return exact(x > 0);
  // x s(g) has the slope s + x s (1 - s) g'
  const auto gate = [x](const Sized& g, const Sized& slope) {
    const Sized s = logistic(g);
    return s + x * (s * (exact(1) - s) * slope);
  };
  switch (f) {
    case Activation::kNone: return exact(1);
    case Activation::kRelu: return exact(x > 0 || std::isnan(x));
    // The model computes these two from its own rounded y.
    case Activation::kTanh: {
      const Sized y = rounded(activation_by_hand(f, x));
      return exact(1) - y * y;
    }
    case Activation::kSigmoid: {
      const Sized y = rounded(activation_by_hand(f, x));
      return y * (exact(1) - y);
    }
    case Activation::kGelu: return normal_share(x) + x * normal_density(x);
    case Activation::kGeluTanh: return gate(twice_u(x), twice_u_slope(x));
    case Activation::kSilu: return gate(exact(x), exact(1));
  }
  return {};
}

Array activation_by_hand(Activation f, const Array& x) {
  std::vector<Sized> y = sized_zeros(x.shape);
  for (size_t i = 0; i < y.size(); ++i) y[i] = activation_by_hand(f, x.value[i]);
  return array_of(x.shape, y, 1);
}

Array activation_gradient(Activation f, const Array& x, const Array& dy) {
  std::vector<Sized> dx = sized_zeros(x.shape);
  for (size_t i = 0; i < dx.size(); ++i) dx[i] = at(dy, i) * slope_by_hand(f, x.value[i]);
  return array_of(x.shape, dx, 1);
}

Kind gelu_kind() {
  return kind<nn::GELU>(
      "y = gelu(x)",
      [](nn::GELU& m, Hand&, const Array& x) { return activation_by_hand(gelu_of(m), x); },
      [](nn::GELU& m, Hand&, const Array& x, const Array& dy) {
        return activation_gradient(gelu_of(m), x, dy);
      });
}
Kind relu_kind() { return activation_kind("y = max(x, 0)", Activation::kRelu); }
Kind tanh_kind() { return activation_kind("y = tanh x", Activation::kTanh); }
Kind sigmoid_kind() { return activation_kind("y = 1 / (1 + e^-x)", Activation::kSigmoid); }
Kind silu_kind() { return activation_kind("y = x / (1 + e^-x)", Activation::kSilu); }

}  // namespace vitro::proof
