// reduce_sum: sums over axes; the result does not depend on the number of threads.
#pragma once
#include "framework/tensor/tensor.h"

namespace vitro {

// Sums x to `shape`, which must expand to x's shape.  bfloat16 is summed in float32.
Tensor reduce_sum(const Tensor& x, const Shape& shape);

}  // namespace vitro
