// Matrix products on oneDNN, with bias and activation fused.  The interface takes pointers, sizes,
// strides and dtypes, no tensors.
#pragma once
#include <cstdint>

#include "framework/base/activation.h"
#include "framework/base/dtype.h"

namespace vitro::onednn {

struct Matrix {
  const void* data;
  int64_t row_stride, col_stride, batch_stride;  // in elements
};

// c_bij = f(sum_k a_bik b_bkj + bias_j (+ c_bij)): a (batch, m, k), b (batch, k, n), c row-major.
struct MatmulCall {
  DType dtype;  // of a, b and bias, and of c unless c_in_float: kFloat32 or kBFloat16
  int64_t batch, m, n, k;
  Matrix a, b;
  const void* bias;  // or null
  Activation f;      // none, relu, tanh or sigmoid
  bool accumulate;   // adds to c
  void* c;
  bool c_in_float = false;  // c is float32 even if dtype is kBFloat16
};
// Runs a product on all threads, in the pieces that pieces() chooses.  The bits of the result do
// not depend on the number of threads.
void matmul(const MatmulCall& call);
// Columns [column, column + columns) of rows [row, row + rows) of batches [batch, batch + batches).
struct Part {
  int64_t batch, batches, row, rows, column, columns;
};
// Computes one part of a product on the calling thread, in one call of oneDNN.  Pieces explains
// `apart`.
void matmul_part(const MatmulCall& call, const Part& part, bool apart);

// Whether oneDNN has an optimized kernel for `batch` operands (rows, cols) with these strides: one
// stride is 1, the other is at least a whole row or column, and the batch stride is at least a
// whole matrix, gaps included.  oneDNN refuses some other strides, and runs the rest 2,000 times
// slower.
bool runs_strides(int64_t batch, int64_t rows, int64_t cols, const Matrix& x);

bool has_bfloat16();  // whether oneDNN may use bfloat16 instructions of this CPU

const char* isa_name();
const char* version();

}  // namespace vitro::onednn
