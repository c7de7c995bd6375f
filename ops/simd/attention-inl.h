// Helpers that attention's forward and backward share: blocks of scores, packing, softmax, dropout.
// They are compiled once per instruction set.
// (No include guard: Highway includes this file again for every target.)
#include <cmath>
#include <limits>

#include "framework/base/philox.h"
#include "ops/simd/attention.h"
#include "ops/simd/small_matmul-inl.h"

#ifndef VITRO_SIMD_ATTENTION_BLOCK  // once, not per target
#define VITRO_SIMD_ATTENTION_BLOCK
namespace vitro::simd {

inline constexpr float kHidden = -std::numeric_limits<float>::infinity();
inline constexpr int64_t kPanel = 64;  // columns of scores that are packed together
inline constexpr int64_t kStrip = 12;  // rows of one product: whole tiles of 12, 8 + 4 or 6 + 6

// n rounded up to whole vectors; rows of scratch memory have such lengths.
inline int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// Rows [row, row + rows) and columns [column, column + columns) of the scores.  Columns right of
// the causal diagonal are not computed, except up to the diagonal of the last row in a strip.
struct Block {
  const AttentionSize& size;
  int64_t row, rows, column, columns;
  // How many columns of the block its row r sees.
  int64_t seen(int64_t r) const {
    return std::clamp<int64_t>(size.seen(row + r) - column, 0, columns);
  }
  // The first row of the block that sees its column c.
  int64_t first_row(int64_t c) const {
    return size.is_causal ? std::clamp<int64_t>(column + c - (size.S - size.T) - row, 0, rows) : 0;
  }
};

}  // namespace vitro::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// Writes the transpose of `count` rows of `width` numbers, in panels of kPanel columns.
inline void PackPanels(ConstRows rows, int64_t count, int64_t width, float* panels) {
  for (int64_t i = 0; i < count; i += kPanel)
    PackTransposed(rows[i], std::min(kPanel, count - i), rows.stride, width, panels + i * width,
                   kPanel);
}

// Copies rows to float32, each padded to whole vectors.
template <class T>
HWY_INLINE void CopyRows(RowsOf<const T> from, int64_t count, int64_t width, float* to) {
  const int64_t stride = padded(width);
  for (int64_t i = 0; i < count; ++i)
    ForEach(width, [&](int64_t j, int64_t m)
                       HWY_ATTR { hn::StoreU(WidenUpTo(from[i] + j, m), d, to + i * stride + j); });
}

// Calls f(r, m, seen) for each strip [r, r + m) of the block's rows; `seen` is how many columns its
// last row sees.
template <class F>
HWY_INLINE void ForStrips(const Block& block, F f) {
  for (int64_t r = 0; r < block.rows; r += kStrip) {
    const int64_t m = std::min(kStrip, block.rows - r);
    f(r, m, block.seen(r + m - 1));
  }
}

// scores = a b^T with b packed in panels.  For each strip it computes the columns that the strip
// sees, rounded up to whole vectors.
inline void Scores(const Block& block, ConstRows a, const float* panels, float* scores,
                   int64_t stride) {
  const int64_t features = block.size.D;
  for (int64_t c = 0; c < block.columns; c += kPanel)
    ForStrips(block, [&](int64_t r, int64_t m, int64_t seen) HWY_ATTR {
      const int64_t n = std::min(kPanel, padded(seen - c));
      if (n <= 0) return;
      MultiplyRows({features,
                    {a[r], a.stride, 1},
                    panels + c * features,
                    kPanel,
                    nullptr,
                    scores + r * stride + c,
                    stride,
                    /*padded=*/true},
                   0, m, n);
    });
}

// The vector that begins with scale s_j + bias_j.  An element is kHidden if its bias is kHidden,
// even if s is NaN, or if its index is n or more.  s may be read to the end of the vector.
template <bool kBias>
HWY_INLINE V ScoreAt(const float* s, int64_t j, int64_t n, V scale, const float* bias) {
  const V v = hn::LoadU(d, s + j), hidden = C(kHidden);
  const bool whole = n - j >= Lanes();
  V x = hn::Mul(v, scale);
  if (kBias) {
    const V b = whole ? hn::LoadU(d, bias + j) : LoadTail(bias + j, n - j);
    x = hn::IfThenElse(hn::Eq(b, hidden), hidden, hn::MulAdd(v, scale, b));
  }
  return whole ? x : hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(n - j)), x, hidden);
}

// s_j = e^(x_j - high) for the n scores x = scale s + bias, then zeros to the end of the vector.
// `high` is the largest of the scores and `before`.
template <bool kBias>
HWY_INLINE RowSoftmax SoftmaxRow(float* s, int64_t n, float scale, const float* bias,
                                 float before) {
  const V factor = C(scale);
  const int64_t step = Lanes();
  V m0 = C(before), m1 = m0;
  int64_t j = 0;
  for (; j + 2 * step <= n; j += 2 * step) {
    m0 = hn::Max(ScoreAt<kBias>(s, j, n, factor, bias), m0);
    m1 = hn::Max(ScoreAt<kBias>(s, j + step, n, factor, bias), m1);
  }
  for (; j < n; j += step) m0 = hn::Max(ScoreAt<kBias>(s, j, n, factor, bias), m0);
  const float high = hn::GetLane(hn::MaxOfLanes(d, hn::Max(m0, m1)));

  const V shift = C(high == kHidden ? 0.0f : high);
  const auto e_at = [&](int64_t i) HWY_ATTR {
    const V e = ExpNonPositive(hn::Sub(ScoreAt<kBias>(s, i, n, factor, bias), shift));
    hn::StoreU(e, d, s + i);
    return e;
  };
  V t0 = C(0), t1 = C(0);
  for (j = 0; j + 2 * step <= n; j += 2 * step) {
    t0 = hn::Add(t0, e_at(j));
    t1 = hn::Add(t1, e_at(j + step));
  }
  for (; j < n; j += step) t0 = hn::Add(t0, e_at(j));
  return {high, SumLanes(hn::Add(t0, t1))};
}

HWY_INLINE RowSoftmax Softmax(float* s, int64_t n, float scale, const float* bias, float before) {
  return bias ? SoftmaxRow<true>(s, n, scale, bias, before)
              : SoftmaxRow<false>(s, n, scale, bias, before);
}

HWY_INLINE void Scale(float* y, int64_t n, float factor) {
  const V f = C(factor);
  ForEach(n, [&](int64_t i, int64_t m)
                 HWY_ATTR { StoreUpTo(hn::Mul(f, LoadUpTo(y + i, m)), y + i, m); });
}

// Divides y by the row's total, and writes the row's softmax.  If a row sees no column, its total
// and its y are already 0.
HWY_INLINE void Finish(const RowSoftmax& row, float* y, int64_t n, RowSoftmax* softmax) {
  const bool sees = row.total != 0;  // its largest score adds e^0 = 1
  if (sees) Scale(y, n, 1 / row.total);
  *softmax = sees ? row : RowSoftmax{-kHidden, 1};
}

// Whether all numbers of the rows are finite.
inline bool AreFinite(ConstRows rows, int64_t count, int64_t width) {
  V zeros = C(0);
  for (int64_t i = 0; i < count; ++i)
    ForEach(width, [&](int64_t j, int64_t m)
                       HWY_ATTR { zeros = hn::MulAdd(LoadUpTo(rows[i] + j, m), C(0), zeros); });
  return SumLanes(zeros) == 0;
}

// Says whether row r of a block sees its column c, by the causal diagonal and the bias.
struct Sight {
  const Block& block;
  ConstRows bias;  // of all rows and columns of the scores, or null
  bool sees(int64_t r, int64_t c) const {
    return c < block.seen(r) && !(bias.data && bias[block.row + r][block.column + c] == kHidden);
  }
};

// y_r += sum_c w_rc x_c over the columns that row r sees.  This is slower than a matrix product,
// but does not read hidden columns.
inline void AddSeen(const Sight& sight, const float* weights, int64_t stride, ConstRows x,
                    int64_t width, MutableRows y) {
  for (int64_t r = 0; r < sight.block.rows; ++r)
    for (int64_t c = 0; c < sight.block.columns; ++c) {
      if (!sight.sees(r, c)) continue;
      const V w = C(weights[r * stride + c]);
      ForEach(width, [&](int64_t j, int64_t m) HWY_ATTR {
        StoreUpTo(hn::MulAdd(w, LoadUpTo(x[c] + j, m), LoadUpTo(y[r] + j, m)), y[r] + j, m);
      });
    }
}

// Computes kBlocks blocks of random words at once: words[w][b] is word w of block first + b.
HWY_INLINE void Philox(uint64_t seed, uint64_t first,
                       uint32_t (&words)[4][AttentionDropout::kBlocks]) {
  constexpr int64_t n = AttentionDropout::kBlocks;
  uint32_t x0[n], x1[n], x2[n] = {}, x3[n] = {};
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t index = first + static_cast<uint64_t>(i);
    x0[i] = static_cast<uint32_t>(index), x1[i] = static_cast<uint32_t>(index >> 32);
  }
  PhiloxKey key(seed);
  for (int round = 0; round < kPhiloxRounds; ++round, key.next_round())
    for (int64_t i = 0; i < n; ++i) philox_round(key, x0[i], x1[i], x2[i], x3[i]);
  std::copy_n(x0, n, words[0]), std::copy_n(x1, n, words[1]);
  std::copy_n(x2, n, words[2]), std::copy_n(x3, n, words[3]);
}

// Writes dropout's factors (0 or `kept`) for columns [column, column + n) of a row, and on to the
// next multiple of kColumns.  `column` is a multiple of kColumns.
HWY_INLINE void DropoutFactors(const AttentionDropout& of_row, int64_t column, int64_t n,
                               float* factors) {
  constexpr int64_t kBlocks = AttentionDropout::kBlocks;
  const auto kept = static_cast<float>(of_row.kept);
  for (int64_t c = 0; c < n; c += AttentionDropout::kColumns) {
    uint32_t words[4][kBlocks];
    Philox(
        of_row.seed,
        of_row.first + static_cast<uint64_t>((column + c) / AttentionDropout::kColumns * kBlocks),
        words);
    for (int64_t w = 0; w < 4; ++w)
      for (int64_t b = 0; b < kBlocks; ++b)
        factors[c + w * kBlocks + b] = words[w][b] < of_row.threshold ? 0.0f : kept;
  }
}

// Writes zeros from the first whole vector after the n-th number up to `end`.
HWY_INLINE void ClearTail(float* s, int64_t n, int64_t end) {
  for (int64_t j = (n + Lanes() - 1) / Lanes() * Lanes(); j < end; j += Lanes())
    hn::StoreU(hn::Zero(d), d, s + j);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
