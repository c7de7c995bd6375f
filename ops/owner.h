// Who computes a matrix product.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro {

// c (batch, m, n) = a (batch, m, k) b (batch, k, n) (+ bias), as far as the choice depends on it.
// Rows of a matrix are dense where its column stride is 1, columns where its row stride is 1.
struct Product {
  DType dtype;
  int64_t batch, m, n, k;
  bool a_dense_rows = true, a_dense_columns = false;
  bool a_dense = true;  // rows without gaps between them
  bool b_dense_rows = true, b_dense_columns = false;
  bool b_is_parameter = false;  // a whole parameter W, seen as W^T: packing it once pays
  bool has_bias = false;
  bool bfloat16_instructions = true;  // of this CPU
};

enum class Owner {
  kPlainLoops,    // float64
  kFewRows,       // simd::gemv: up to four rows of a against columns of b, which is read once
  kOneColumn,     // simd::gemv: rows of a against the one column of b
  kOneRow,        // simd::gevm: the rows of b, summed with the weights that the one row of a holds
  kPackedWeight,  // simd::matmul against a packed float32 copy of b that its storage keeps
  kSmall,         // simd::matmul
  kInFloat,       // float32 copies of a and b, by their owner
  kOneDnn
};

// A pure function; docs/kernels.md has its table, with what was measured.
Owner owner_of(const Product& p);

// Numbers of a matrix that is packed for one call rather than read in place: that takes less than
// half a microsecond, and then all layouts give the same sums.
inline constexpr int64_t kPackedForOneCall = 4096;
// Rows of a that are multiplied while b is read once, as long as they stay in the level 1 cache
// (bench_linear, L3 rows).
constexpr bool few_rows(int64_t m, int64_t k) { return m == 1 || (m <= 4 && m * k <= 8192); }

}  // namespace vitro
