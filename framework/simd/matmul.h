// A float32 matrix product for small sizes, where starting a oneDNN primitive costs more than it saves.
#pragma once
#include <cstdint>

#include "framework/simd/elementwise.h"

namespace vitro::simd {

struct MatrixView {
  const float* data;
  int64_t row_stride, col_stride;
};

// c_ij = sum_k a_ik b_kj + bias_j for c (m, n) row-major with rows `ldc` apart; a has any strides, b
// has rows or columns contiguous (columns are packed first); bias may be null; `accumulate` adds to c.
void matmul(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, const float* bias, float* c, int64_t ldc,
            bool accumulate);

}  // namespace vitro::simd
