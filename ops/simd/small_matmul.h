// A float32 matrix product for small sizes, where starting a oneDNN primitive costs more than the
// primitive saves.
#pragma once
#include <cstdint>

#include "framework/simd/elementwise.h"

namespace vitro::simd {

// A strided matrix; strides count floats.
struct MatrixView {
  const float* data;
  int64_t row_stride, col_stride;
};

// A copy of b (k, n) with contiguous rows, padded to whole vectors.  The rows or the columns of b
// must be contiguous.
class PackedMatrix {
 public:
  PackedMatrix(int64_t n, int64_t k, MatrixView b);
  ~PackedMatrix();
  PackedMatrix(const PackedMatrix&) = delete;
  PackedMatrix& operator=(const PackedMatrix&) = delete;
  const float* data() const { return data_; }
  int64_t stride() const { return stride_; }

 private:
  float* data_;
  size_t bytes_;
  int64_t stride_;
};

// c_ij = sum_k a_ik b_kj + bias_j for c (m, n) with rows `ldc` apart.  a has any strides; the rows
// or the columns of b are contiguous; bias may be null.
void matmul(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, const float* bias,
            float* c, int64_t ldc);
void matmul(int64_t m, int64_t n, int64_t k, MatrixView a, const PackedMatrix& b, const float* bias,
            float* c, int64_t ldc);

}  // namespace vitro::simd
