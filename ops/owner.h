// Chooses which code (the owner) computes a matrix product.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro {

// The properties of c (batch, m, n) = a (batch, m, k) b (batch, k, n) (+ bias) on which the choice
// depends.  A matrix has dense rows if its column stride is 1, dense columns if its row stride is
// 1.
struct Product {
  DType dtype;
  int64_t batch, m, n, k;
  bool a_dense_rows = true, a_dense_columns = false;
  bool a_dense = true;  // a has dense rows, and no gaps between them
  bool b_dense_rows = true, b_dense_columns = false;
  bool b_is_parameter = false;  // b is W^T of a whole parameter W, so packing it once pays
  bool has_bias = false;
  bool bfloat16_instructions = true;  // whether this CPU has them
};

enum class Owner {
  kPlainLoops,    // float64
  kFewRows,       // simd::gemv: up to four rows of a times the columns of b; b is read once
  kOneColumn,     // simd::gemv: the rows of a times the one column of b
  kOneRow,        // simd::gevm: adds up the rows of b, scaled by the one row of a
  kPackedWeight,  // simd::matmul with a packed float32 copy of b, owned by b's storage
  kSmall,         // simd::matmul
  kInFloat,       // copies a and b to float32, then calls the owner of that product
  kOneDnn         // onednn::matmul
};

// A pure function.  docs/kernels.md has its table and the measurements.
Owner owner_of(const Product& p);

// A matrix of at most this many numbers is packed for each call, not read in place.  Packing takes
// less than half a microsecond, and gives the same sums for all layouts.
inline constexpr int64_t kPackedForOneCall = 4096;
// Whether b is read only once for all m rows of a, which must stay in the level 1 cache
// (bench_linear, L3 rows).
constexpr bool few_rows(int64_t m, int64_t k) { return m == 1 || (m <= 4 && m * k <= 8192); }

}  // namespace vitro
