// The two matrix products in attention's definition.  They ignore masked elements, even if these
// are NaN or infinite.  Private to ops/.
#pragma once
#include "framework/tensor/tensor.h"

namespace vitro {

// `seen` is bool, true where row t sees column s, and broadcasts to (..., T, S).  Leading axes
// broadcast.

// s_ts = sum_d a_td b_sd where row t sees column s, else 0: a (..., T, D), b (..., S, D).
Tensor seen_scores(const Tensor& a, const Tensor& b, const Tensor& seen);
// y_td = sum_s w_ts x_sd over the columns s that row t sees: w (..., T, S), x (..., S, D).
Tensor seen_sum(const Tensor& w, const Tensor& x, const Tensor& seen);

}  // namespace vitro
