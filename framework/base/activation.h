// The list of activation functions, and their names.
#pragma once
#include <string>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// An activation function f(x), which linear() can apply to its result.
enum class Activation {
  kNone,      // x
  kRelu,      // max(x, 0)
  kTanh,      // tanh x
  kSigmoid,   // 1 / (1 + e^-x)
  kGelu,      // x Phi(x), Phi the cumulative distribution function of the normal
  kGeluTanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  kSilu       // x / (1 + e^-x)
};

// The name of f: "none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh" or "silu".
std::string activation_name(Activation f);
// The activation with that name.  Throws a ValueError that lists the names if there is none.
Activation activation_of(const std::string& name);

// Whether f'(x) can be computed from y = f(x) alone.  linear() may then apply f in place.
constexpr bool derivative_from_output(Activation f) {
  return f == Activation::kNone || f == Activation::kRelu || f == Activation::kTanh ||
         f == Activation::kSigmoid;
}

}  // namespace vitro
