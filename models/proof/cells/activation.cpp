// Works one number of an activation function.
#include <cmath>

#include "models/proof/cells/cells.h"

namespace vitro::proof::cells {

namespace {

// 1 / (1 + exp(-x)); for negative x, exp(x) / (1 + exp(x)), which needs no large numbers.
Number sigmoid_steps(Steps& s, const Number& x) {
  const Number e = s.exp("e", x.exact < 0 ? x : -x), below = s.plus("", s.number(1), e);
  return s.over("sigmoid", x.exact < 0 ? e : s.number(1), below);
}

// x (1 + t) / 2
Number half_of(Steps& s, const Number& x, const Number& t) {
  const Number half = s.times("x / 2", s.number(0.5), x);
  return s.times("y", half, s.plus("1 + t", s.number(1), t));
}

Number gelu_tanh_steps(Steps& s, const Number& x) {
  const Number cube = s.times("x^3", s.times("x^2", x, x), x),
               inner = s.plus("", x, s.times("", s.number(0.044715), cube)),
               u = s.times("u", s.number(std::sqrt(2 / std::acos(-1.0))), inner);
  return half_of(s, x, s.tanh("t", u));
}

Number gelu_steps(Steps& s, const Number& x) {
  const Number u = s.over("x / sqrt(2)", x, s.number(std::sqrt(2.0)));
  return half_of(s, x, s.erf("t", u));
}

// The name of f, and its formula if it has several steps.
std::pair<std::string, std::string> formula_of(Activation f) {
  switch (f) {
    case Activation::kNone: return {"x", ""};
    case Activation::kRelu: return {"max(0, x)", ""};
    case Activation::kTanh: return {"tanh(x)", ""};
    case Activation::kSigmoid: return {"sigmoid(x)", "1 / (1 + exp(-x))"};
    case Activation::kGelu: return {"gelu(x)", "x / 2 * (1 + t), t = erf(x / sqrt(2))"};
    case Activation::kGeluTanh:
      return {"gelu(x)", "x / 2 * (1 + t), t = tanh(u), u = sqrt(2 / pi) * (x + 0.044715 * x^3)"};
    case Activation::kSilu: return {"silu(x)", "x * sigmoid(x), sigmoid(x) = 1 / (1 + exp(-x))"};
  }
  return {};
}

}  // namespace

Number activation_steps(Steps& s, Activation f, const Number& x) {
  switch (f) {
    case Activation::kNone: return x;
    case Activation::kRelu:
      return s.result("", "max(0, " + s.text(x) + ")", x.exact > 0 ? x : s.number(0));
    case Activation::kTanh: return s.tanh("", x);
    case Activation::kSigmoid: return sigmoid_steps(s, x);
    case Activation::kGelu: return gelu_steps(s, x);
    case Activation::kGeluTanh: return gelu_tanh_steps(s, x);
    case Activation::kSilu: return s.times("silu", x, sigmoid_steps(s, x));
  }
  return x;
}

Cell activation_cell(const std::string& path, const Index& index, Activation f,
                     const std::string& input, double x, const Model& model) {
  const auto [name, formula] = formula_of(f);
  const std::string shown = formula.empty() ? "" : name + " = " + formula;
  return worked(path, index, model, name + ", x = " + at(input, index), [&, f](Steps& s) {
    const Number in = s.number(x);
    if (!shown.empty()) s.say(shown);
    s.say("x is " + s.text(in));
    return activation_steps(s, f, in);
  });
}

}  // namespace vitro::proof::cells
