// Matrix products on oneDNN, with bias and activation fused.  Pointers, sizes, strides and dtypes
// only.
#pragma once
#include <cstdint>

#include "framework/base/activation.h"
#include "framework/base/dtype.h"

namespace vitro::onednn {

struct Matrix {
  const void* data;
  int64_t row_stride, col_stride, batch_stride;  // in elements
};

// c_bij = f(sum_k a_bik b_bkj + bias_j) (+ c_bij): a (batch, m, k), b (batch, k, n), c row-major.
struct MatmulCall {
  DType dtype;  // kFloat32 or kBFloat16, of a, b and bias, and of c unless c_in_float
  int64_t batch, m, n, k;
  Matrix a, b;
  const void* bias;  // or null
  Activation f;      // none, relu, tanh or sigmoid
  bool accumulate;   // add to c
  void* c;
  bool c_in_float = false;  // c is float32 whatever dtype is
};
// On all threads, in the pieces that pieces() names; the bits do not depend on how many there are.
void matmul(const MatmulCall& call);
// Columns [column, column + columns) of rows [row, row + rows) of batches [batch, batch + batches),
// on the calling thread in one call of oneDNN; `apart` as in Pieces.
struct Part {
  int64_t batch, batches, row, rows, column, columns;
};
void matmul_part(const MatmulCall& call, const Part& part, bool apart);

// Whether oneDNN runs `batch` (rows, cols) operands of these strides on an optimized kernel: one
// stride is 1, the other spans a row or column, and a matrix begins behind the last row or column
// of the one before, gaps included.  oneDNN refuses some of the others, and runs the rest 2,000
// times slower.
bool runs_strides(int64_t batch, int64_t rows, int64_t cols, const Matrix& x);

bool has_bfloat16();  // whether this CPU, as far as oneDNN may use it, computes in bfloat16

const char* isa_name();
const char* version();

}  // namespace vitro::onednn
