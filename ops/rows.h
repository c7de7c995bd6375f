// Helpers for ops that compute row by row along an axis.  Private to ops/.
#pragma once
#include <cmath>
#include <limits>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

// x with `axis` moved to the end and contiguous, unrecorded.  back_in_place moves the axis back.
inline Tensor rows_along(const Tensor& x, int axis) {
  NoGradGuard unrecorded;
  return contiguous(transpose(x.detach(), axis, -1));
}
inline Tensor back_in_place(const Tensor& rows, int axis) {
  NoGradGuard unrecorded;
  return transpose(rows, axis, -1);
}

// Applies f to a scalar although f needs an axis: f gets a tensor (1), and returns a tensor (1).
template <class F>
Tensor as_line(const Tensor& scalar, const F& f) {
  return reshape(f(reshape(scalar, {1})), {});
}

// Calls f(row) for each of `count` rows of n elements, in parallel.
template <class F>
void for_rows(int64_t count, int64_t n, F f) {
  parallel_for(count, grain_of(kCostlyGrain, n), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row);
  });
}

// max x; NaN if x contains NaN.
inline double plain_max(const double* x, int64_t n) {
  double high = -std::numeric_limits<double>::infinity();
  for (int64_t j = 0; j < n; ++j) high = x[j] > high || x[j] != x[j] ? x[j] : high;
  return high;
}

// sum_j e^(x_j - high)
inline double plain_total(const double* x, int64_t n, double high) {
  double total = 0;
  for (int64_t j = 0; j < n; ++j) total += std::exp(x[j] - high);
  return total;
}

// Calls f(row of x, row of y) for each row of n elements, in parallel.  bfloat16 rows are converted
// to float32 for f, and y is rounded once.
template <class F>
void rows_in_float(const Tensor& y, const Tensor& x, int64_t n, F f) {
  if (x.dtype() == kFloat32)
    return for_rows(x.numel() / n, n,
                    [&](int64_t i) { f(raw<float>(x) + i * n, raw<float>(y) + i * n); });
  Tensor wide = empty(x.shape(), kFloat32);
  copy_into(wide, x);
  for_rows(x.numel() / n, n,
           [&](int64_t i) { f(raw<float>(wide) + i * n, raw<float>(wide) + i * n); });
  copy_into(y, wide);
}

}  // namespace vitro
