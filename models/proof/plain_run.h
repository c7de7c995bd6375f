// The model's own run without hooks, as its users run it: with fused kernels and tied parameters.
#pragma once
#include "models/proof/passes.h"

namespace vitro::proof {

struct PlainRun {
  Tensor output;
  std::optional<double> loss = {};                     // with targets
  std::map<const TensorImpl*, Tensor> gradients = {};  // of the parameters that require one
};
PlainRun run_plain(const Run& run);

}  // namespace vitro::proof
