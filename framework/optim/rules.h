// StepRule: the formula of one step of an optimizer, with its numbers.
#pragma once
#include "framework/optim/optim.h"
#include "framework/simd/optimizer.h"

namespace vitro::optim {

// A struct, because a header can declare it in advance, and simd::Rule is an alias.
struct StepRule : simd::Rule {
  using simd::Rule::Rule;
};

}  // namespace vitro::optim
