// Attention for a few rows.  k and v are read once, panel by panel, and not packed.
#include <algorithm>

#include "ops/simd/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/attention_few.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "ops/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// s_j = q k_j.  Four rows of k are computed at a time, so that the CPU overlaps their sums.
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

// Rows [first, first + count) in float32: in place, or converted into `room`.
HWY_INLINE ConstRows InFloat(ConstRows rows, int64_t first, int64_t, int64_t, float*) {
  return {rows[first], rows.stride};
}
HWY_INLINE ConstRows InFloat(RowsOf<const BFloat16> rows, int64_t first, int64_t count,
                             int64_t width, float* room) {
  CopyRows(RowsOf<const BFloat16>{rows[first], rows.stride}, count, width, room);
  return {room, padded(width)};
}

// Computes y again, reading only the columns that each row sees.  Not inlined, because it runs
// rarely.
template <class T>
HWY_NOINLINE void FewSeen(const AttentionSize& size, RowsOf<const T> v, ConstRows bias, float* room,
                          const float* scores, MutableRows y) {
  for (int64_t t = 0; t < size.T; ++t) std::fill_n(y[t], size.D, 0.0f);
  const int64_t seen = size.seen(size.T - 1);
  for (int64_t c = 0; c < seen; c += kPanel) {
    const int64_t n = std::min(kPanel, seen - c);
    AddSeen({{size, 0, size.T, c, n}, bias}, scores + c, padded(size.S),
            InFloat(v, c, n, size.D, room), size.D, y);
  }
}

template <class T>
HWY_INLINE void Few(const AttentionSize& size, ConstRows q, RowsOf<const T> k, RowsOf<const T> v,
                    ConstRows bias, float* room, MutableRows y, RowSoftmax* softmax) {
  const int64_t seen = size.seen(size.T - 1), stride = padded(size.S);
  float* scores = room + kPanel * padded(size.D);
  for (int64_t c = 0; c < seen; c += kPanel) {
    const int64_t n = std::min(kPanel, seen - c);
    const ConstRows panel = InFloat(k, c, n, size.D, room);
    for (int64_t t = 0; t < size.T; ++t) Dots(q[t], panel, n, size.D, scores + t * stride + c);
  }
  for (int64_t t = 0; t < size.T; ++t) {
    float* s = scores + t * stride;
    const int64_t n = size.seen(t);
    const RowSoftmax row = Softmax(s, n, size.scale, bias.data ? bias[t] : nullptr, kHidden);
    Finish(row, s, n, softmax + t);
    ClearTail(s, n, seen);
  }
  for (int64_t c = 0; c == 0 || c < seen; c += kPanel) {
    const int64_t n = std::min(kPanel, seen - c);
    const ConstRows panel = InFloat(v, c, n, size.D, room);
    MultiplyRows({n,
                  {scores + c, stride, 1},
                  panel.data,
                  panel.stride,
                  nullptr,
                  y.data,
                  y.stride,
                  /*padded=*/false,
                  /*accumulate=*/c > 0},
                 0, size.T, size.D);
  }
  // The weight 0 of a hidden column times infinity or NaN gives NaN: compute y again.
  if (!AreFinite({y.data, y.stride}, size.T, size.D)) FewSeen(size, v, bias, room, scores, y);
}

void AttentionFew(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                  float* room, MutableRows y, RowSoftmax* softmax) {
  Few(size, q, k, v, bias, room, y, softmax);
}
void AttentionFewOfBFloat16(const AttentionSize& size, ConstRows q, RowsOf<const BFloat16> k,
                            RowsOf<const BFloat16> v, ConstRows bias, float* room, MutableRows y,
                            RowSoftmax* softmax) {
  Few(size, q, k, v, bias, room, y, softmax);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(AttentionFew);
HWY_EXPORT(AttentionFewOfBFloat16);

int64_t attention_few_scratch(const AttentionSize& size) {
  return kPanel * padded(size.D) + size.T * padded(size.S);
}
void attention_few(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                   float* scratch, MutableRows y, RowSoftmax* softmax) {
  HWY_DYNAMIC_DISPATCH(AttentionFew)(size, q, k, v, bias, scratch, y, softmax);
}
void attention_few(const AttentionSize& size, ConstRows q, RowsOf<const BFloat16> k,
                   RowsOf<const BFloat16> v, ConstRows bias, float* scratch, MutableRows y,
                   RowSoftmax* softmax) {
  HWY_DYNAMIC_DISPATCH(AttentionFewOfBFloat16)(size, q, k, v, bias, scratch, y, softmax);
}
}  // namespace vitro::simd
#endif
