// Attention backward.  It computes the scores again, block by block (Dao, 2023).
#include <algorithm>
#include <cmath>

#include "ops/simd/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/attention_backward.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "ops/simd/attention-inl.h"

#ifndef VITRO_SIMD_ATTENTION_BACKWARD_SCRATCH  // once, not per target
#define VITRO_SIMD_ATTENTION_BACKWARD_SCRATCH
namespace vitro::simd {

// The size of a block: its rows of k and v, its gradients and its scores stay in the L2 cache.
inline constexpr int64_t kBlockRows = 64, kBlockColumns = 256;
// Not a power of two, so that the rows of scores do not compete for the same cache sets.
inline constexpr int64_t kBlockStride = kBlockColumns + 16;

struct BackwardScratch {
  int64_t width, used = 0;
  float* room;
  float *k_panels, *v_panels, *k, *dk, *dv, *q, *dy, *p, *ds, *factors, *delta;
  BackwardScratch(const AttentionSize& size, int64_t heads, float* memory)
      : width(padded(size.D)), room(memory) {
    for (float** packed : {&k_panels, &v_panels, &k, &dk, &dv})
      take(*packed, kBlockColumns * width);
    for (float** rows : {&q, &dy}) take(*rows, kBlockRows * width);
    for (float** scores : {&p, &ds}) take(*scores, kBlockRows * kBlockStride);
    take(factors, kBlockColumns);
    take(delta, heads * size.T);
  }
  void take(float*& part, int64_t n) { part = room + used, used += padded(n); }
};

}  // namespace vitro::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// With n scores x = scale s + bias and p = e^(x - high) / total:
//   s = m p,  ds = scale p (m ds - delta)
// m is dropout's factors, or 1.  Both results are zero in hidden columns and from n to the end of
// the vector.
template <bool kBias, bool kDropout>
HWY_INLINE void GradientRow(float* s, float* ds, int64_t n, float scale, const float* bias,
                            const float* m, RowSoftmax row, float delta) {
  const V factor = C(scale), shift = C(row.high), share = C(1 / row.total), mean = C(delta);
  for (int64_t j = 0; j < n; j += Lanes()) {
    const V x = ScoreAt<kBias>(s, j, n, factor, bias);
    const V p = hn::Mul(ExpNonPositive(hn::Sub(x, shift)), share);
    const V kept = kDropout ? hn::LoadU(d, m + j) : C(1), dp = hn::LoadU(d, ds + j);
    V dx = hn::Mul(hn::Mul(p, factor), hn::Sub(kDropout ? hn::Mul(kept, dp) : dp, mean));
    // x is kHidden in hidden columns and after the n-th number.
    if (kBias || n - j < Lanes()) dx = hn::IfThenZeroElse(hn::Eq(x, C(kHidden)), dx);
    hn::StoreU(kDropout ? hn::Mul(kept, p) : p, d, s + j);
    hn::StoreU(dx, d, ds + j);
  }
}

template <class... Arguments>
HWY_INLINE void GradientRow(bool biased, bool drops, Arguments... of_row) {
  if (biased)
    return drops ? GradientRow<true, true>(of_row...) : GradientRow<true, false>(of_row...);
  return drops ? GradientRow<false, true>(of_row...) : GradientRow<false, false>(of_row...);
}

// sum_c += sum_r w_rc x_r, for dv += p^T dy and dk += ds^T q.  Computes a strip of columns at a
// time, starting at the first row that sees the strip.
HWY_INLINE void AddColumns(const Block& block, const float* weights, const float* rows,
                           int64_t width, float* sum) {
  for (int64_t c = 0; c < block.columns; c += kStrip) {
    const int64_t m = std::min(kStrip, block.columns - c), first = block.first_row(c);
    MultiplyRows({block.rows - first,
                  {weights + first * kBlockStride + c, 1, kBlockStride},
                  rows + first * width,
                  width,
                  nullptr,
                  sum + c * width,
                  width,
                  /*padded=*/true,
                  /*accumulate=*/true},
                 0, m, block.size.D);
  }
}

// sum_c += sum_r w_rc x_r over the rows that see column c; it does not read the other rows.
inline void AddSeenColumns(const Sight& sight, const float* weights, const float* rows,
                           int64_t width, float* sum) {
  for (int64_t r = 0; r < sight.block.rows; ++r)
    for (int64_t c = 0; c < sight.block.columns; ++c)
      if (sight.sees(r, c)) {
        const V w = C(weights[r * kBlockStride + c]);
        for (int64_t j = 0; j < width; j += Lanes())
          hn::StoreU(
              hn::MulAdd(w, hn::LoadU(d, rows + r * width + j), hn::LoadU(d, sum + c * width + j)),
              d, sum + c * width + j);
      }
}

HWY_INLINE void BackwardBlock(const Block& block, const AttentionHead& head, const float* delta,
                              const BackwardScratch& scratch, bool keys, bool values,
                              bool careful) {
  const int64_t width = scratch.width;
  CopyRows(ConstRows{head.q[block.row], head.q.stride}, block.rows, block.size.D, scratch.q);
  CopyRows(ConstRows{head.dy[block.row], head.dy.stride}, block.rows, block.size.D, scratch.dy);
  Scores(block, {scratch.q, width}, scratch.k_panels, scratch.p, kBlockStride);
  Scores(block, {scratch.dy, width}, scratch.v_panels, scratch.ds, kBlockStride);
  for (int64_t r = 0; r < block.rows; ++r) {
    float *p = scratch.p + r * kBlockStride, *ds = scratch.ds + r * kBlockStride;
    const int64_t n = block.seen(r), row = block.row + r;
    const bool drops = head.dropout.threshold, biased = head.bias.data;
    if (drops)
      DropoutFactors(head.dropout.from_row(row, block.size.S), block.column, n, scratch.factors);
    GradientRow(biased, drops, p, ds, n, block.size.scale,
                biased ? head.bias[row] + block.column : nullptr, scratch.factors,
                head.softmax[row], delta[row]);
    ClearTail(p, n, block.columns);
    ClearTail(ds, n, block.columns);
  }
  if (careful) {
    const Sight sight{block, head.bias};
    if (values) AddSeenColumns(sight, scratch.p, scratch.dy, width, scratch.dv);
    if (keys) AddSeenColumns(sight, scratch.ds, scratch.q, width, scratch.dk);
    if (!head.dq.data) return;
    const MutableRows dq{head.dq[block.row], head.dq.stride};
    for (int64_t r = 0; block.column == 0 && r < block.rows; ++r)
      std::fill_n(dq[r], block.size.D, 0.0f);
    return AddSeen(sight, scratch.ds, kBlockStride, {scratch.k, width}, block.size.D, dq);
  }
  if (values) AddColumns(block, scratch.p, scratch.dy, width, scratch.dv);
  if (keys) AddColumns(block, scratch.ds, scratch.q, width, scratch.dk);
  if (!head.dq.data) return;
  ForStrips(block, [&](int64_t r, int64_t m, int64_t seen) HWY_ATTR {
    MultiplyRows({seen,
                  {scratch.ds + r * kBlockStride, kBlockStride, 1},
                  scratch.k,
                  width,
                  nullptr,
                  head.dq[block.row + r],
                  head.dq.stride,
                  /*padded=*/true,
                  /*accumulate=*/block.column > 0},
                 0, m, block.size.D);
  });
}

HWY_INLINE void CopyOut(const float* from, int64_t width, int64_t count, int64_t n,
                        MutableRows to) {
  for (int64_t i = 0; i < count; ++i)
    ForEach(n, [&](int64_t j, int64_t m)
                   HWY_ATTR { StoreUpTo(hn::LoadU(d, from + i * width + j), to[i] + j, m); });
}

HWY_INLINE void BackwardGroup(const AttentionSize& size, const AttentionGroup& group, ConstRows k,
                              ConstRows v, const BackwardScratch& scratch, MutableRows dk,
                              MutableRows dv, bool careful) {
  for (int64_t h = 0; h < group.heads; ++h) {
    const AttentionHead head = group.head(h, size);
    for (int64_t t = 0; t < size.T; ++t)
      scratch.delta[h * size.T + t] = SumOf(size.D, [&](int64_t i, int64_t m) HWY_ATTR {
        return hn::Mul(LoadUpTo(head.y[t] + i, m), LoadUpTo(head.dy[t] + i, m));
      });
  }
  for (int64_t c = 0; c == 0 || c < size.S; c += kBlockColumns) {
    const int64_t columns = std::min(kBlockColumns, size.S - c);
    PackPanels({k[c], k.stride}, columns, size.D, scratch.k_panels);
    PackPanels({v[c], v.stride}, columns, size.D, scratch.v_panels);
    if (group.first.dq.data) CopyRows(ConstRows{k[c], k.stride}, columns, size.D, scratch.k);
    std::fill_n(scratch.dk, columns * scratch.width, 0.0f);
    std::fill_n(scratch.dv, columns * scratch.width, 0.0f);
    for (int64_t h = 0; h < group.heads; ++h)
      for (int64_t t = 0; t < size.T; t += kBlockRows) {
        const int64_t rows = std::min(kBlockRows, size.T - t);
        const Block block{size, t, rows, c,
                          std::clamp<int64_t>(size.seen(t + rows - 1) - c, 0, columns)};
        if (block.columns > 0 || c == 0)  // c = 0 also sets dq where a row sees no column
          BackwardBlock(block, group.head(h, size), scratch.delta + h * size.T, scratch, dk.data,
                        dv.data, careful);
      }
    if (dk.data) CopyOut(scratch.dk, scratch.width, columns, size.D, {dk[c], dk.stride});
    if (dv.data) CopyOut(scratch.dv, scratch.width, columns, size.D, {dv[c], dv.stride});
  }
}

void AttentionBackward(const AttentionSize& size, const AttentionGroup& group, ConstRows k,
                       ConstRows v, float* room, MutableRows dk, MutableRows dv) {
  const BackwardScratch scratch(size, group.heads, room);
  BackwardGroup(size, group, k, v, scratch, dk, dv, /*careful=*/false);
  // The weight 0 of a hidden column times infinity or NaN gives NaN: compute the gradients again.
  const auto finite = [&](MutableRows x, int64_t rows) {
    return !x.data || AreFinite({x.data, x.stride}, rows, size.D);
  };
  bool all = finite(dk, size.S) && finite(dv, size.S);
  for (int64_t h = 0; h < group.heads; ++h) all = all && finite(group.head(h, size).dq, size.T);
  if (!all) BackwardGroup(size, group, k, v, scratch, dk, dv, /*careful=*/true);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(AttentionBackward);

int64_t attention_backward_scratch(const AttentionSize& size, int64_t heads) {
  return BackwardScratch(size, heads, nullptr).used;
}
void attention_backward(const AttentionSize& size, const AttentionGroup& group, ConstRows k,
                        ConstRows v, float* scratch, MutableRows dk, MutableRows dv) {
  HWY_DYNAMIC_DISPATCH(AttentionBackward)(size, group, k, v, scratch, dk, dv);
}
}  // namespace vitro::simd
#endif
