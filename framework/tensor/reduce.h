// Sums over axes, the same for any number of threads.
#pragma once
#include "framework/tensor/tensor.h"

namespace vitro {

// x summed to `shape`, to which x's shape is the expansion.  bfloat16 is summed in float32.
Tensor reduce_sum(const Tensor& x, const Shape& shape);

}  // namespace vitro
