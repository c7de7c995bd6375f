// Unrecorded matrix products on strided memory, for matmul and linear.
#pragma once
#include "ops/ops.h"

namespace vitro {

// The last two axes of a tensor (times a batch) as rows and columns.
struct MatrixRef {
  const Tensor& tensor;
  int64_t rows, cols, row_stride, col_stride, batch_stride;
};
inline MatrixRef matrix(const Tensor& x, int64_t batch_stride = 0) {
  int r = x.rank();
  return {x,           x.shape()[r - 2], x.shape()[r - 1], x.strides()[r - 2], x.strides()[r - 1],
          batch_stride};
}
inline MatrixRef transposed(const MatrixRef& x) {
  return {x.tensor, x.cols, x.rows, x.col_stride, x.row_stride, x.batch_stride};
}

// (..., k) -> (rows, k), even if k is 0.
inline Tensor as_rows(const Tensor& x) {
  return x.rank() == 1 ? unsqueeze(x, 0) : flatten(x, 0, -2);
}

// Writes f(sum_k a_bik b_bkj + bias_j) to c_bij; c is contiguous (batch, a.rows, b.cols).  bias may
// be undefined; f is none, relu, tanh or sigmoid.  owner_of chooses the code that computes it.
void multiply(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
              Activation f, const Tensor& c);

// c = a b, or c += a b if `add`: one part of a longer sum.  c is float32, a and b are float32 or
// bfloat16.
void multiply_part(const MatrixRef& a, const MatrixRef& b, bool add, const Tensor& c);

// Writes f(x) to y, unrecorded.  x and y are contiguous, have the same shape and dtype, and may be
// the same tensor.
void activate_into(const Tensor& y, const Tensor& x, Activation f);

}  // namespace vitro
