// Chooses the owner of a matrix product by measured thresholds.
#include "ops/owner.h"

#include <algorithm>

namespace vitro {

namespace {

// Up to this many multiplications m n k, starting a oneDNN primitive costs more than its better
// blocking gains (bench_linear, crossover rows).
constexpr int64_t kSmallProduct = 200'000;
// The same for a packed weight; a weight of at most kPackedWeight numbers stays in the level 2
// cache.
constexpr int64_t kPackedProduct = 5'000'000, kPackedWeight = 1 << 16;
constexpr int64_t kSmallBFloat16 = 40'000;  // the same for bfloat16

// oneDNN computes 64 columns at a time, so 65 columns take as long as 128.  Our kernel wastes less,
// and is faster while b stays in the level 2 cache.
bool ragged_for_onednn(const Product& p) {
  const int64_t whole = (p.n + 63) / 64 * 64;
  return p.n > 64 && 3 * whole >= 4 * p.n && p.n * p.k <= kPackedWeight;
}

// Whether a is stored column by column, like dz^T in a weight's gradient dz^T x, and the product is
// not too large.  Our kernel reads this a in place, and is faster than oneDNN while 64 columns of b
// stay in the level 2 cache.
constexpr int64_t kDownColumns = 100'000'000;
bool down_columns(const Product& p) {
  return p.a_dense_columns && !p.a_dense_rows && p.b_dense_rows && p.k <= 2048 &&
         p.m * p.n * p.k <= kDownColumns;
}

bool is_small(const Product& p) {
  const int64_t products = p.m * p.n * p.k;
  if (p.dtype == kBFloat16) return products <= kSmallBFloat16;
  if (products * p.batch <= kSmallProduct) return true;
  const bool packed = p.b_is_parameter && products <= kPackedProduct && p.n * p.k <= kPackedWeight;
  return p.batch == 1 && (ragged_for_onednn(p) || down_columns(p) || packed);
}

}  // namespace

Owner owner_of(const Product& p) {
  if (p.dtype == kFloat64) return Owner::kPlainLoops;
  const bool small = is_small(p), packs = small && p.b_is_parameter && p.batch == 1;
  if (p.batch == 1 && !packs && std::max(p.m, p.n) * p.k > kPackedForOneCall) {
    if (few_rows(p.m, p.k) && p.b_dense_columns) return Owner::kFewRows;
    if (p.n == 1 && p.a_dense_rows && !p.has_bias) return Owner::kOneColumn;
    if (p.m == 1 && p.b_dense_rows && p.n * p.k > kSmallProduct) return Owner::kOneRow;
  }
  if (p.dtype == kBFloat16) {
    if (!p.bfloat16_instructions) return Owner::kInFloat;
    return packs && p.a_dense ? Owner::kPackedWeight : Owner::kOneDnn;
  }
  if (!small || !(p.b_dense_rows || p.b_dense_columns)) return Owner::kOneDnn;
  return packs ? Owner::kPackedWeight : Owner::kSmall;
}

}  // namespace vitro
