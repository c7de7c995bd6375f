// The product of Linear, in float64.
#pragma once
#include "models/proof/hand.h"

namespace vitro::proof {

// y = x W^T + b: x (..., in), W (out, in), b (out) or empty.
Array linear_by_hand(const Array& x, const Rows& weight, const std::vector<double>& bias,
                     bool wants_size);
// dx = dy W, for rows [first, first + count) of W and the same columns of dy (..., out).
Array linear_input_gradient(const Array& dy, const Rows& weight, int64_t first, int64_t count,
                            bool wants_size);
// dW = dy^T x and db = the sum of dy's rows.
Array linear_weight_gradient(const Array& dy, const Array& x, bool wants_size);
Array linear_bias_gradient(const Array& dy, bool wants_size);

}  // namespace vitro::proof
