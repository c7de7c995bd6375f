// Rows of the op table for elementwise functions of one tensor.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

template <class F>
void add_unary(Rows& rows, const std::string& function, const std::string& op,
               const std::string& variant, Domain domain, std::function<Tensor(const Tensor&)> f,
               F reference) {
  for (const Shape& shape : kUnaryShapes)
    rows.push_back({function,
                    op,
                    variant + (variant.empty() ? "" : ", ") + text(shape),
                    [f](const Tensors& x) { return f(x[0]); },
                    {{shape, domain}},
                    map(reference)});
}

}  // namespace

void add_unaries(Rows& rows) {
  struct Entry {
    const char *function, *op, *variant;
    Domain domain;
    std::function<Tensor(const Tensor&)> f;
    double (*reference)(double);
  };
  using enum Domain;
  const Entry entries[] = {
      {"neg", "neg", "", kAny, neg, [](double v) { return -v; }},
      {"abs", "abs", "", kAwayFromZero, abs, [](double v) { return v < 0 ? -v : v; }},
      {"exp", "exp", "", kAny, exp, [](double v) { return std::exp(v); }},
      {"log", "log", "", kPositive, log, [](double v) { return std::log(v); }},
      {"sqrt", "sqrt", "", kPositive, sqrt, [](double v) { return std::sqrt(v); }},
      {"rsqrt", "rsqrt", "", kPositive, rsqrt, [](double v) { return 1 / std::sqrt(v); }},
      {"sin", "sin", "", kAny, sin, [](double v) { return std::sin(v); }},
      {"cos", "cos", "", kAny, cos, [](double v) { return std::cos(v); }},
      {"erf", "erf", "", kAny, erf, [](double v) { return std::erf(v); }},
      {"erfc", "erfc", "", kAny, erfc, [](double v) { return std::erfc(v); }},
      {"tanh", "tanh", "", kAny, tanh, [](double v) { return std::tanh(v); }},
      {"sigmoid", "sigmoid", "", kAny, sigmoid, logistic},
      {"relu", "relu", "", kAwayFromZero, relu, positive_part},
      {"gelu", "gelu", "", kAny, [](const Tensor& x) { return gelu(x); }, gelu_of},
      {"gelu", "gelu_tanh", "tanh form", kAny,
       [](const Tensor& x) { return gelu(x, GeluForm::kTanh); }, gelu_tanh_of},
      {"silu", "silu", "", kAny, silu, silu_of},
      {"softplus", "softplus", "", kAny, softplus,
       [](double v) { return std::log(1 + std::exp(v)); }},
      {"pow", "pow_scalar", "2", kAny, [](const Tensor& x) { return pow(x, 2); },
       [](double v) { return v * v; }},
      {"pow", "pow_scalar", "3", kAny, [](const Tensor& x) { return pow(x, 3); },
       [](double v) { return v * v * v; }},
      {"pow", "pow_scalar", "0", kAny, [](const Tensor& x) { return pow(x, 0); },
       [](double) { return 1.0; }},
      {"pow", "pow_scalar", "1", kAny, [](const Tensor& x) { return pow(x, 1); },
       [](double v) { return v; }},
      {"pow", "pow_scalar", "-1", kAwayFromZero, [](const Tensor& x) { return pow(x, -1); },
       [](double v) { return 1 / v; }},
      {"pow", "pow_scalar", "0.5", kPositive, [](const Tensor& x) { return pow(x, 0.5); },
       [](double v) { return std::sqrt(v); }},
      {"clamp", "clamp", "both", kDistinct,
       [](const Tensor& x) { return clamp(x, -0.4375, 0.3125); },
       [](double v) { return v < -0.4375  ? -0.4375
                             : v > 0.3125 ? 0.3125
                                          : v; }},
      {"clamp", "clamp", "low", kDistinct, [](const Tensor& x) { return clamp(x, 0.0625); },
       [](double v) { return v < 0.0625 ? 0.0625 : v; }},
      {"clamp", "clamp", "high", kDistinct, [](const Tensor& x) { return clamp(x, {}, 0.0625); },
       [](double v) { return v > 0.0625 ? 0.0625 : v; }},
      {"clamp", "clamp", "neither", kAny, [](const Tensor& x) { return clamp(x, {}, {}); },
       [](double v) { return v; }},
      {"activate", "relu", "relu", kAwayFromZero,
       [](const Tensor& x) { return activate(x, Activation::kRelu); }, positive_part},
      {"activate", "tanh", "tanh", kAny,
       [](const Tensor& x) { return activate(x, Activation::kTanh); },
       [](double v) { return std::tanh(v); }},
      {"activate", "sigmoid", "sigmoid", kAny,
       [](const Tensor& x) { return activate(x, Activation::kSigmoid); }, logistic},
      {"activate", "gelu", "gelu", kAny,
       [](const Tensor& x) { return activate(x, Activation::kGelu); }, gelu_of},
      {"activate", "gelu_tanh", "gelu tanh", kAny,
       [](const Tensor& x) { return activate(x, Activation::kGeluTanh); }, gelu_tanh_of},
      {"activate", "silu", "silu", kAny,
       [](const Tensor& x) { return activate(x, Activation::kSilu); }, silu_of},
      {"activate", "", "none", kAny, [](const Tensor& x) { return activate(x, Activation::kNone); },
       [](double v) { return v; }},
      {"clone", "clone", "", kAny, clone, [](double v) { return v; }},
      {"contiguous", "", "already", kAny, contiguous, [](double v) { return v; }},
      {"dropout", "", "not training", kAny, [](const Tensor& x) { return dropout(x, 0.5, false); },
       [](double v) { return v; }},
      {"dropout", "", "p = 0", kAny, [](const Tensor& x) { return dropout(x, 0); },
       [](double v) { return v; }},
      {"dropout", "mul_or_zero", "p = 1", kAny, [](const Tensor& x) { return dropout(x, 1); },
       [](double v) { return 0 * v; }},
      {"operator+", "add", "tensor, number", kAny, [](const Tensor& x) { return x + 1.5; },
       [](double v) { return v + 1.5; }},
      {"operator+", "add", "number, tensor", kAny, [](const Tensor& x) { return 1.5 + x; },
       [](double v) { return 1.5 + v; }},
      {"operator-", "sub", "tensor, number", kAny, [](const Tensor& x) { return x - 1.5; },
       [](double v) { return v - 1.5; }},
      {"operator-", "sub", "number, tensor", kAny, [](const Tensor& x) { return 1.5 - x; },
       [](double v) { return 1.5 - v; }},
      {"operator*", "mul", "tensor, number", kAny, [](const Tensor& x) { return x * 1.5; },
       [](double v) { return v * 1.5; }},
      {"operator*", "mul", "number, tensor", kAny, [](const Tensor& x) { return 1.5 * x; },
       [](double v) { return 1.5 * v; }},
      {"operator/", "div", "tensor, number", kAny, [](const Tensor& x) { return x / 1.5; },
       [](double v) { return v / 1.5; }},
      {"operator/", "div", "number, tensor", kAwayFromZero, [](const Tensor& x) { return 1.5 / x; },
       [](double v) { return 1.5 / v; }},
  };
  for (const Entry& e : entries)
    add_unary(rows, e.function, e.op, e.variant, e.domain, e.f, e.reference);
  rows.push_back({"full_scalar",
                  "",
                  "",
                  [](const Tensors& x) { return full_scalar(2.5, x[0].dtype()); },
                  {any({})},
                  [](const Arrays&) {
                    return Array{{}, {2.5}};
                  }});
}

}  // namespace vitro::tests
