// Matrix products on raw layouts, unrecorded: what matmul and linear run on.
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

// (..., k) -> (rows, k), also where k is zero.
inline Tensor as_rows(const Tensor& x) {
  return x.rank() == 1 ? unsqueeze(x, 0) : flatten(x, 0, -2);
}

// c_bij = f(sum_k a_bik b_bkj + bias_j) into c, contiguous (batch, a.rows, b.cols).  bias may be
// undefined; f is none, relu, tanh or sigmoid.  owner_of says who computes it.
void multiply(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
              Activation f, const Tensor& c);

// c = a b, or c += a b where `add`, for c in float32 and operands in float32 or bfloat16: a product
// that is taken in parts.
void multiply_part(const MatrixRef& a, const MatrixRef& b, bool add, const Tensor& c);

// y = f(x) into y, unrecorded; both contiguous and of one shape and dtype, perhaps the same tensor.
void activate_into(const Tensor& y, const Tensor& x, Activation f);

}  // namespace vitro
