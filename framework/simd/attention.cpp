// Attention forward: the scores of a block of rows, their softmax as they come (Milakov and
// Gimelshein, 2018; Dao et al., 2022), and the product with v.
#include "framework/simd/attention.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/simd/attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/attention-inl.h"

#ifndef VITRO_SIMD_ATTENTION_SCRATCH  // once, not per target
#define VITRO_SIMD_ATTENTION_SCRATCH
namespace vitro::simd {

inline constexpr int64_t kColumns = 512;                // of a block: scores stay in the L2 cache
inline constexpr int64_t kScoreStride = kColumns + 16;  // no power of two: rows share no cache set

struct Scratch {
  float *k_panels, *v, *scores;
  Scratch(const AttentionSize& size, float* room)
      : k_panels(room), v(k_panels + panels(size)), scores(v + size.S * padded(size.D)) {}
  static int64_t panels(const AttentionSize& size) {
    return (size.S + kPanel - 1) / kPanel * kPanel * size.D;
  }
  static int64_t numel(const AttentionSize& size) {
    return panels(size) + size.S * padded(size.D) + kAttentionRows * kScoreStride;
  }
};

}  // namespace vitro::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

struct RowSoftmax {
  float high, total;
};

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

// y / total and the logarithm of the sum; a row that sees nothing is already 0.
HWY_INLINE void Finish(const RowSoftmax& row, float* y, int64_t n, float* lse) {
  const bool sees = row.total != 0;  // of what it sees the largest counts 1
  if (sees) Scale(y, n, 1 / row.total);
  *lse = sees ? row.high + std::log(row.total) : -kHidden;
}

void AttentionPack(const AttentionSize& size, ConstRows k, ConstRows v, float* room) {
  const Scratch scratch(size, room);
  PackPanels(k, size.S, size.D, scratch.k_panels);
  CopyRows(v, size.S, size.D, scratch.v);
}

HWY_INLINE void RowBlock(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                         ConstRows bias, const Scratch& scratch, MutableRows y, float* lse) {
  const int64_t rows = end - begin, seen = size.seen(end - 1), width = padded(size.D);
  RowSoftmax row[kAttentionRows];
  std::fill_n(row, rows, RowSoftmax{kHidden, 0});
  for (int64_t c = 0; c == 0 || c < seen; c += kColumns) {
    const Block block{size, begin, rows, c, std::min(kColumns, seen - c)};
    Scores(block, {q[begin], q.stride}, scratch.k_panels + c * size.D, scratch.scores,
           kScoreStride);
    for (int64_t r = 0; r < rows; ++r) {
      float* s = scratch.scores + r * kScoreStride;
      const int64_t n = block.seen(r);
      const RowSoftmax all =
          Softmax(s, n, size.scale, bias.data ? bias[begin + r] + c : nullptr, row[r].high);
      ClearTail(s, n, block.columns);
      float before = row[r].total;
      if (all.high != row[r].high && c > 0) {  // what was added so far was too large
        const float factor = std::exp(row[r].high - all.high);
        before *= factor;
        Scale(y[begin + r], size.D, factor);
      }
      row[r] = {all.high, before + all.total};
    }
    ForStrips(block, [&](int64_t r, int64_t m, int64_t k) HWY_ATTR {
      MultiplyRows({k,
                    {scratch.scores + r * kScoreStride, kScoreStride, 1},
                    scratch.v + c * width,
                    width,
                    nullptr,
                    y[begin + r],
                    y.stride,
                    /*padded=*/true,
                    /*accumulate=*/c > 0},
                   0, m, size.D);
    });
  }
  for (int64_t r = 0; r < rows; ++r) Finish(row[r], y[begin + r], size.D, lse + begin + r);
}

void AttentionRows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                   ConstRows bias, float* room, MutableRows y, float* lse) {
  const Scratch scratch(size, room);
  for (; begin < end; begin += kAttentionRows)
    RowBlock(size, begin, std::min(end, begin + kAttentionRows), q, bias, scratch, y, lse);
}

// s_j = q k_j, four rows at a time, so that their sums overlap.
HWY_INLINE void Dots(const float* q, ConstRows k, int64_t n, int64_t width, float* s) {
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    V s0 = C(0), s1 = C(0), s2 = C(0), s3 = C(0);
    ForEach(width, [&](int64_t i, int64_t m) HWY_ATTR {
      const V x = LoadUpTo(q + i, m);
      s0 = hn::MulAdd(x, LoadUpTo(k[j] + i, m), s0);
      s1 = hn::MulAdd(x, LoadUpTo(k[j + 1] + i, m), s1);
      s2 = hn::MulAdd(x, LoadUpTo(k[j + 2] + i, m), s2);
      s3 = hn::MulAdd(x, LoadUpTo(k[j + 3] + i, m), s3);
    });
    s[j] = SumLanes(s0), s[j + 1] = SumLanes(s1), s[j + 2] = SumLanes(s2), s[j + 3] = SumLanes(s3);
  }
  for (; j < n; ++j)
    s[j] = SumOf(width, [&](int64_t i, int64_t m) HWY_ATTR {
      return hn::Mul(LoadUpTo(q + i, m), LoadUpTo(k[j] + i, m));
    });
}

void AttentionFew(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                  float* scores, MutableRows y, float* lse) {
  for (int64_t t = 0; t < size.T; ++t) {
    const int64_t n = size.seen(t);
    Dots(q[t], k, n, size.D, scores);
    const RowSoftmax row = Softmax(scores, n, size.scale, bias.data ? bias[t] : nullptr, kHidden);
    MultiplyRows({n, {scores, 0, 1}, v.data, v.stride, nullptr, y[t], y.stride, /*padded=*/false},
                 0, 1, size.D);
    Finish(row, y[t], size.D, lse + t);
  }
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(AttentionPack);
HWY_EXPORT(AttentionRows);
HWY_EXPORT(AttentionFew);

int64_t attention_scratch(const AttentionSize& size) { return Scratch::numel(size); }
void attention_pack(const AttentionSize& size, ConstRows k, ConstRows v, float* scratch) {
  HWY_DYNAMIC_DISPATCH(AttentionPack)(size, k, v, scratch);
}
void attention_rows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                    ConstRows bias, float* scratch, MutableRows y, float* lse) {
  HWY_DYNAMIC_DISPATCH(AttentionRows)(size, begin, end, q, bias, scratch, y, lse);
}
void attention_few(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                   float* scores, MutableRows y, float* lse) {
  HWY_DYNAMIC_DISPATCH(AttentionFew)(size, q, k, v, bias, scores, y, lse);
}
}  // namespace vitro::simd
#endif
