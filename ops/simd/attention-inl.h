// What attention's forward and backward share: blocks of scores, packing, and products within the
// part of a block that is seen; compiled once per instruction set.
// (No include guard: Highway includes it anew for every target.)
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
inline constexpr int64_t kStrip = 12;  // rows that one product takes: whole tiles of any width

// Rows of scratch start on whole vectors.
inline int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// Rows [row, row + rows) by columns [column, column + columns) of the scores.  What lies right of
// the diagonal of is_causal is neither computed nor read, but for the rest of a strip.
struct Block {
  const AttentionSize& size;
  int64_t row, rows, column, columns;
  // Columns of the block that its row r sees.
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

// The transpose of `count` rows of `width` numbers, panel after panel of kPanel columns.
inline void PackPanels(ConstRows rows, int64_t count, int64_t width, float* panels) {
  for (int64_t i = 0; i < count; i += kPanel)
    PackTransposed(rows[i], std::min(kPanel, count - i), rows.stride, width, panels + i * width,
                   kPanel);
}

// A copy in float32 with rows padded to whole vectors.
template <class T>
HWY_INLINE void CopyRows(RowsOf<const T> from, int64_t count, int64_t width, float* to) {
  const int64_t stride = padded(width);
  for (int64_t i = 0; i < count; ++i)
    ForEach(width, [&](int64_t j, int64_t m)
                       HWY_ATTR { hn::StoreU(WidenUpTo(from[i] + j, m), d, to + i * stride + j); });
}

// Calls f(r, m, seen) for the strips [r, r + m) of the block's rows; the last row sees so much.
template <class F>
HWY_INLINE void ForStrips(const Block& block, F f) {
  for (int64_t r = 0; r < block.rows; r += kStrip) {
    const int64_t m = std::min(kStrip, block.rows - r);
    f(r, m, block.seen(r + m - 1));
  }
}

// scores = a b^T with b packed in panels: of each strip the columns that it sees, and up to a whole
// vector more.
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

// scale s_j + bias_j from the j-th of n numbers on, kHidden where the bias is (whatever s_j is) and
// behind the last.  s may be read to the end of the vector.
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

// s_j = e^(x_j - high) for the n scores x = scale s + bias, zero to the end of the vector.  `high`
// is the largest of them and of `before`.
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

// y / total; a row that sees nothing is already 0.
HWY_INLINE void Finish(const RowSoftmax& row, float* y, int64_t n, RowSoftmax* softmax) {
  const bool sees = row.total != 0;  // of what it sees the largest counts 1
  if (sees) Scale(y, n, 1 / row.total);
  *softmax = sees ? row : RowSoftmax{-kHidden, 1};
}

// Whether no number of the rows is NaN or infinite.
inline bool AreFinite(ConstRows rows, int64_t count, int64_t width) {
  V zeros = C(0);
  for (int64_t i = 0; i < count; ++i)
    ForEach(width, [&](int64_t j, int64_t m)
                       HWY_ATTR { zeros = hn::MulAdd(LoadUpTo(rows[i] + j, m), C(0), zeros); });
  return SumLanes(zeros) == 0;
}

// Which columns rows of scores see, as Block counts them.
struct Sight {
  const Block& block;
  ConstRows bias;  // of all rows; or null
  bool sees(int64_t r, int64_t c) const {
    return c < block.seen(r) && !(bias.data && bias[block.row + r][block.column + c] == kHidden);
  }
};

// y_r += sum_c w_rc x_c over the columns that row r sees: slower than a product, but what is hidden
// is not read.
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

// Random words of kBlocks blocks at once: words[w][b].
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

// What the weights of columns [column, column + n) of a row count, 0 or `kept`; written to the end
// of kColumns.  `column` is a multiple of these.
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

// Zeros from the vector behind the n-th number up to the end.
HWY_INLINE void ClearTail(float* s, int64_t n, int64_t end) {
  for (int64_t j = (n + Lanes() - 1) / Lanes() * Lanes(); j < end; j += Lanes())
    hn::StoreU(hn::Zero(d), d, s + j);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
