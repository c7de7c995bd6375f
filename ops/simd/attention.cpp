// Attention forward.  It computes the scores of a block of rows, their online softmax (Milakov and
// Gimelshein, 2018; Dao et al., 2022), and the product with v.
#include "ops/simd/attention.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "ops/simd/attention-inl.h"

#ifndef VITRO_SIMD_ATTENTION_SCRATCH  // once, not per target
#define VITRO_SIMD_ATTENTION_SCRATCH
namespace vitro::simd {

inline constexpr int64_t kColumns = 512;  // columns of a block: its scores stay in the L2 cache
// Not a power of two, so that the rows of scores do not compete for the same cache sets.
inline constexpr int64_t kScoreStride = kColumns + 16;

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

void AttentionPack(const AttentionSize& size, ConstRows k, ConstRows v, float* room) {
  const Scratch scratch(size, room);
  PackPanels(k, size.S, size.D, scratch.k_panels);
  CopyRows(v, size.S, size.D, scratch.v);
}

HWY_INLINE void Drop(const AttentionDropout& of_row, int64_t column, int64_t n, float* s) {
  float factors[kColumns];
  DropoutFactors(of_row, column, n, factors);
  for (int64_t j = 0; j < n; j += Lanes())
    hn::StoreU(hn::Mul(hn::LoadU(d, s + j), hn::LoadU(d, factors + j)), d, s + j);
}

// Computes rows [begin, end) of y.  kCareful uses AddSeen, which does not read hidden columns.
template <bool kCareful>
HWY_INLINE void RowBlock(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                         ConstRows bias, const AttentionDropout& dropout, const Scratch& scratch,
                         MutableRows y, RowSoftmax* softmax) {
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
      if (dropout.threshold) Drop(dropout.from_row(begin + r, size.S), c, n, s);
      float before = row[r].total;
      if (all.high != row[r].high && c > 0) {  // a new largest score: scale down the earlier sums
        const float factor = std::exp(row[r].high - all.high);
        before *= factor;
        Scale(y[begin + r], size.D, factor);
      }
      row[r] = {all.high, before + all.total};
    }
    if (kCareful) {
      for (int64_t r = 0; c == 0 && r < rows; ++r) std::fill_n(y[begin + r], size.D, 0.0f);
      AddSeen({block, bias}, scratch.scores, kScoreStride, {scratch.v + c * width, width}, size.D,
              {y[begin], y.stride});
      continue;
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
  for (int64_t r = 0; r < rows; ++r) Finish(row[r], y[begin + r], size.D, softmax + begin + r);
}

void AttentionRows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                   ConstRows bias, const AttentionDropout& dropout, float* room, MutableRows y,
                   RowSoftmax* softmax) {
  const Scratch scratch(size, room);
  for (; begin < end; begin += kAttentionRows) {
    const int64_t last = std::min(end, begin + kAttentionRows);
    RowBlock<false>(size, begin, last, q, bias, dropout, scratch, y, softmax);
    // The weight 0 of a hidden column times infinity or NaN gives NaN: compute the rows again.
    if (!AreFinite({y[begin], y.stride}, last - begin, size.D))
      RowBlock<true>(size, begin, last, q, bias, dropout, scratch, y, softmax);
  }
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(AttentionPack);
HWY_EXPORT(AttentionRows);

int64_t attention_scratch(const AttentionSize& size) { return Scratch::numel(size); }
void attention_pack(const AttentionSize& size, ConstRows k, ConstRows v, float* scratch) {
  HWY_DYNAMIC_DISPATCH(AttentionPack)(size, k, v, scratch);
}
void attention_rows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                    ConstRows bias, const AttentionDropout& dropout, float* scratch, MutableRows y,
                    RowSoftmax* softmax) {
  HWY_DYNAMIC_DISPATCH(AttentionRows)(size, begin, end, q, bias, dropout, scratch, y, softmax);
}
}  // namespace vitro::simd
#endif
