// Products of one or a few rows with a matrix, which is read once, at the speed of memory.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::simd {

// Rows of w are contiguous and w_stride apart; x has any strides; bias may be null; y (m, n) is
// contiguous.  bfloat16 is computed in float32 and rounded once.
template <class T>
struct GemvCall {
  int64_t m, n, k;
  const T* x;
  int64_t x_row_stride, x_col_stride;
  const T* w;
  int64_t w_stride;
  const T* bias;
  T* y;
};

// y_ij = sum_k x_ik w_jk + bias_j with w (n, k), for m up to 4.
void gemv(const GemvCall<float>& call);
void gemv(const GemvCall<BFloat16>& call);

// y_j = sum_k x_k w_kj + bias_j with w (k, n), for m = 1.
void gevm(const GemvCall<float>& call);
void gevm(const GemvCall<BFloat16>& call);

}  // namespace vitro::simd
