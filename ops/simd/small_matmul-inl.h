// The register tiles of the float32 matrix product, and the packing of b, compiled once per
// instruction set.  They run serially, so that a kernel can call them inside a parallel loop.
// (No include guard: Highway includes this file again for every target.)
#include "framework/simd/rows-inl.h"
#include "ops/simd/small_matmul.h"

#ifndef VITRO_SIMD_MATMUL_PRODUCT  // once, not per target
#define VITRO_SIMD_MATMUL_PRODUCT
namespace vitro::simd {
// c_ij = sum_k a_ik b_kj + bias_j, or c_ij += sum_k a_ik b_kj
struct Product {
  int64_t k;
  MatrixView a;
  const float* b;
  int64_t ldb;
  const float* bias;  // or null
  float* c;
  int64_t ldc;
  bool padded;              // rows of b may be read to the end of the last vector
  bool accumulate = false;  // adds to c; then bias must be null
};
}  // namespace vitro::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// Computes rows [i, i + kRows) and columns [j, j + (kVectors - 1) lanes + last) of c.  All sums
// stay in registers.
template <int kRows, int kVectors>
HWY_INLINE void Tile(const Product& p, int64_t i, int64_t j, int64_t last) {
  const int64_t lanes = Lanes();
  const bool whole = last == lanes;
  const float* b = p.b + j;
  float* c = p.c + i * p.ldc + j;
  V sum[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const bool full = whole || v + 1 < kVectors;
    const auto load = [=](const float* q)
                          HWY_ATTR { return full ? hn::LoadU(d, q) : LoadTail(q, last); };
    if (p.accumulate) {
      for (int r = 0; r < kRows; ++r) sum[r][v] = load(c + r * p.ldc + v * lanes);
    } else {
      const V start = p.bias ? load(p.bias + j + v * lanes) : hn::Zero(d);
      for (int r = 0; r < kRows; ++r) sum[r][v] = start;
    }
  }
  const float* a = p.a.data + i * p.a.row_stride;
  auto multiply = [&](auto load_last) HWY_ATTR {
    for (int64_t k = 0; k < p.k; ++k) {
      V row[kVectors];
      for (int v = 0; v + 1 < kVectors; ++v) row[v] = hn::LoadU(d, b + k * p.ldb + v * lanes);
      row[kVectors - 1] = load_last(b + k * p.ldb + (kVectors - 1) * lanes);
      for (int r = 0; r < kRows; ++r) {
        V x = C(a[r * p.a.row_stride + k * p.a.col_stride]);
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, row[v], sum[r][v]);
      }
    }
  };
  if (whole || p.padded) multiply([](const float* q) HWY_ATTR { return hn::LoadU(d, q); });
  else multiply([last](const float* q) HWY_ATTR { return LoadTail(q, last); });
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      float* q = c + r * p.ldc + v * lanes;
      if (whole || v + 1 < kVectors) {
        hn::StoreU(sum[r][v], d, q);
      } else {
        StoreTail(sum[r][v], q, last);
      }
    }
  }
}

template <int kRows, int kVectors>
HWY_INLINE void Strip(const Product& p, int64_t begin, int64_t end, int64_t j, int64_t last) {
  int64_t i = begin;
  for (; i + kRows <= end; i += kRows) Tile<kRows, kVectors>(p, i, j, last);
  for (; i + 4 <= end; i += 4) Tile<4, kVectors>(p, i, j, last);
  for (; i + 2 <= end; i += 2) Tile<2, kVectors>(p, i, j, last);
  for (; i < end; ++i) Tile<1, kVectors>(p, i, j, last);
}

// Computes rows [begin, end) of c.  The tiles fill the registers: 32 with AVX-512, 16 with AVX2.
inline void MultiplyRows(const Product& p, int64_t begin, int64_t end, int64_t n) {
  const int64_t lanes = Lanes();
#if HWY_TARGET <= HWY_AVX3
  constexpr int kMost = 4;
#else
  constexpr int kMost = 2;
#endif
  for (int64_t j = 0; j < n;) {
    int64_t vectors = (n - j + lanes - 1) / lanes;
    if (vectors == kMost + 1 && kMost == 4) vectors = 3;
    vectors = std::min<int64_t>(vectors, kMost);
    int64_t width = std::min(n - j, vectors * lanes);
    int64_t last = width - (vectors - 1) * lanes;
    switch (vectors) {
#if HWY_TARGET <= HWY_AVX3
      case 1: Strip<12, 1>(p, begin, end, j, last); break;
      case 2: Strip<12, 2>(p, begin, end, j, last); break;
      case 3: Strip<8, 3>(p, begin, end, j, last); break;
      default: Strip<6, 4>(p, begin, end, j, last);
#else
      case 1: Strip<8, 1>(p, begin, end, j, last); break;
      default: Strip<6, 2>(p, begin, end, j, last);
#endif
    }
    j += width;
  }
}

// packed (k, columns) = b^T in blocks of 4 x 4.  b (columns, k) has contiguous rows `stride` apart,
// packed has rows `ldp` apart.
inline void PackTransposed(const float* b, int64_t columns, int64_t stride, int64_t k,
                           float* packed, int64_t ldp) {
  int64_t j = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d4;
  for (; j + 4 <= columns; j += 4) {
    const float* q = b + j * stride;
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
      auto r0 = hn::LoadU(d4, q + i), r1 = hn::LoadU(d4, q + stride + i);
      auto r2 = hn::LoadU(d4, q + 2 * stride + i), r3 = hn::LoadU(d4, q + 3 * stride + i);
      auto a0 = hn::InterleaveLower(d4, r0, r2), a1 = hn::InterleaveUpper(d4, r0, r2);
      auto b0 = hn::InterleaveLower(d4, r1, r3), b1 = hn::InterleaveUpper(d4, r1, r3);
      float* t = packed + i * ldp + j;
      hn::StoreU(hn::InterleaveLower(d4, a0, b0), d4, t);
      hn::StoreU(hn::InterleaveUpper(d4, a0, b0), d4, t + ldp);
      hn::StoreU(hn::InterleaveLower(d4, a1, b1), d4, t + 2 * ldp);
      hn::StoreU(hn::InterleaveUpper(d4, a1, b1), d4, t + 3 * ldp);
    }
    for (; i < k; ++i)
      for (int64_t c = 0; c < 4; ++c) packed[i * ldp + j + c] = q[c * stride + i];
  }
#endif
  for (; j < columns; ++j)
    for (int64_t i = 0; i < k; ++i) packed[i * ldp + j] = b[j * stride + i];
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
