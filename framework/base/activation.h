// The activations: one list, for linear, for oneDNN's fused products, and by name.
#pragma once
#include <string>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

enum class Activation { kNone, kRelu, kTanh, kSigmoid, kGelu, kGeluTanh, kSilu };

// "none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"
std::string activation_name(Activation f);
Activation activation_of(const std::string& name);  // ValueError lists the names

// Whether f'(x) can be read from y = f(x), so that linear may apply f in place.
constexpr bool derivative_from_output(Activation f) {
  return f == Activation::kNone || f == Activation::kRelu || f == Activation::kTanh ||
         f == Activation::kSigmoid;
}

}  // namespace vitro
