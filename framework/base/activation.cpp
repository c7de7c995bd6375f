// Converts between activations and their names.
#include "framework/base/activation.h"

#include <array>

#include "framework/base/error.h"

namespace vitro {

namespace {

constexpr std::array kActivations = {"none", "relu",      "tanh", "sigmoid",
                                     "gelu", "gelu_tanh", "silu"};  // in the order of Activation

}  // namespace

std::string activation_name(Activation f) { return kActivations[static_cast<size_t>(f)]; }

Activation activation_of(const std::string& name) {
  std::string all;
  for (size_t i = 0; i < kActivations.size(); ++i) {
    if (name == kActivations[i]) return static_cast<Activation>(i);
    all += (i ? ", " : "") + std::string(kActivations[i]);
  }
  fail<ValueError>("activation: expected one of ", all, ", got ", name);
}

}  // namespace vitro
