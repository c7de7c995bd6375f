// StepRule: the formula of one step of an optimizer, with its numbers.
#pragma once
#include "framework/optim/optim.h"
#include "framework/simd/optimizer.h"

namespace vitro::optim {

// A struct, which optim.h can declare in advance.  It cannot declare the alias simd::Rule.
struct StepRule : simd::Rule {
  using simd::Rule::Rule;
};

}  // namespace vitro::optim
