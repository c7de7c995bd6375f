// What the optimizers' options mean: their rule for a step, and the names of their state.
#pragma once
#include "framework/optim/optim.h"
#include "framework/simd/optimizer.h"

namespace vitro::optim {

struct StepRule : simd::Rule {
  using simd::Rule::Rule;
};

}  // namespace vitro::optim
