// The kernels over rows.
#include "framework/simd/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/simd/rows.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// Chunks are added in float64, which keeps the rounding error of long sums small.
double Sum(const float* x, int64_t n) {
  constexpr int64_t kChunk = 4096;
  double total = 0;
  for (int64_t b = 0; b < n; b += kChunk)
    total += SumOf(std::min(kChunk, n - b),
                   [&](int64_t i, int64_t m) HWY_ATTR { return LoadUpTo(x + b + i, m); });
  return total;
}

double SumOfDeviations(const float* x, int64_t n, float from) {
  constexpr int64_t kChunk = 4096;
  const V shift = C(from);
  double total = 0;
  for (int64_t b = 0; b < n; b += kChunk)
    total += SumOf(std::min(kChunk, n - b), [&](int64_t i, int64_t m) HWY_ATTR {
      return hn::Sub(LoadUpTo(x + b + i, m, from), shift);  // the filled lanes add 0
    });
  return total;
}

double SumOfSquares(const float* x, int64_t n, float from, float mean) {
  constexpr int64_t kChunk = 4096;
  const V shift = C(from), middle = C(mean);
  double total = 0;
  for (int64_t b = 0; b < n; b += kChunk)
    total += SumOf(std::min(kChunk, n - b), [&](int64_t i, int64_t m) HWY_ATTR {
      V z = hn::Sub(hn::Sub(LoadUpTo(x + b + i, m), shift), middle);
      if (m < Lanes()) z = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(m)), z);
      return hn::Mul(z, z);
    });
  return total;
}

float Dot(const float* a, const float* b, int64_t n) {
  return SumOf(n, [&](int64_t i, int64_t m)
                      HWY_ATTR { return hn::Mul(LoadUpTo(a + i, m), LoadUpTo(b + i, m)); });
}

// y_j = the sum of kRows rows at column j, plus the old y_j if `add`.
template <int kRows>
HWY_INLINE void AddRows(const float* x, int64_t stride, bool add, float* y, int64_t n) {
  ForEach(n, [&](int64_t j, int64_t m) HWY_ATTR {
    V part[kRows];
    for (int r = 0; r < kRows; ++r) part[r] = LoadUpTo(x + r * stride + j, m);
    for (int width = kRows / 2; width > 0; width /= 2)
      for (int r = 0; r < width; ++r) part[r] = hn::Add(part[r], part[r + width]);
    StoreUpTo(add ? hn::Add(LoadUpTo(y + j, m), part[0]) : part[0], y + j, m);
  });
}
// Adds eight rows at a time, in blocks of columns whose sums stay in the level 1 cache.
void SumRows(const float* x, int64_t rows, int64_t cols, int64_t stride, float* y,
             bool accumulate) {
  constexpr int64_t kColumns = 2048;
  if (rows == 0 && !accumulate) std::fill_n(y, cols, 0.0f);
  for (int64_t j = 0; j < cols; j += kColumns) {
    const int64_t n = std::min(kColumns, cols - j);
    bool add = accumulate;
    int64_t i = 0;
    for (; i + 8 <= rows; i += 8, add = true) AddRows<8>(x + i * stride + j, stride, add, y + j, n);
    for (; i < rows; ++i, add = true) AddRows<1>(x + i * stride + j, stride, add, y + j, n);
  }
}

HWY_INLINE float Max(const float* x, int64_t n) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  V high = C(kLowest);
  ForEach(
      n, [&](int64_t i, int64_t m) HWY_ATTR { high = hn::Max(LoadUpTo(x + i, m, kLowest), high); });
  return hn::GetLane(hn::MaxOfLanes(d, high));
}

// e^(x - shift) for the first m elements, and zero in the other lanes.
HWY_INLINE V ShiftedExp(const float* x, int64_t m, V shift) {
  return Exp(hn::Sub(LoadUpTo(x, m, -std::numeric_limits<float>::infinity()), shift));
}
HWY_INLINE float SumExp(const float* x, int64_t n, float shift) {
  const V s = C(shift);
  return SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR { return ShiftedExp(x + i, m, s); });
}

float LogSumExp(const float* x, int64_t n) {
  float high = Max(x, n), shift = std::isfinite(high) ? high : 0.0f;
  return shift + std::log(SumExp(x, n, shift));
}

// For a row of -infinity only, the sum is 0.
ExpSum SumOfExps(const float* x, int64_t n) {
  const float high = Max(x, n);
  return {high, SumExp(x, n, high == -std::numeric_limits<float>::infinity() ? 0.0f : high)};
}

// Adds the differences times 2^-14, so that the sum of a chunk cannot overflow.  Scaling by a power
// of two loses no digit.
double SumFrom(const float* x, float from, int64_t n) {
  constexpr int64_t kChunk = 4096;
  constexpr float kPart = 1.0f / 16384;
  const V part = C(kPart), shift = C(from * kPart);
  double total = 0;
  for (int64_t b = 0; b < n; b += kChunk)
    total += SumOf(std::min(kChunk, n - b), [&](int64_t i, int64_t m) HWY_ATTR {
      return hn::MulSub(LoadUpTo(x + b + i, m, from), part, shift);
    });
  return total / kPart;
}

void Softmax(const float* x, float* y, int64_t n) {
  const V shift = C(Max(x, n));
  float total = SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR {
    V e = ShiftedExp(x + i, m, shift);
    StoreUpTo(e, y + i, m);
    return e;
  });
  const V scale = C(1.0f / total);
  ForEach(n, [&](int64_t i, int64_t m)
                 HWY_ATTR { StoreUpTo(hn::Mul(LoadUpTo(y + i, m), scale), y + i, m); });
}

void LogSoftmax(const float* x, float* y, int64_t n) {
  float high = Max(x, n);
  const V shift = C(high), log_total = C(std::log(SumExp(x, n, high)));
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    StoreUpTo(hn::Sub(hn::Sub(LoadUpTo(x + i, m), shift), log_total), y + i, m);
  });
}

void SoftmaxBackward(const float* y, const float* dy, float* dx, int64_t n) {
  const V mean = C(Dot(y, dy, n));
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    StoreUpTo(hn::Mul(LoadUpTo(y + i, m), hn::Sub(LoadUpTo(dy + i, m), mean)), dx + i, m);
  });
}

void LogSoftmaxBackward(const float* y, const float* dy, float* dx, int64_t n) {
  const V total = C(static_cast<float>(Sum(dy, n)));
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    StoreUpTo(hn::NegMulAdd(Exp(LoadUpTo(y + i, m)), total, LoadUpTo(dy + i, m)), dx + i, m);
  });
}

void ScaledExp(const float* x, float shift, float scale, float offset, float* y, int64_t n) {
  const V s = C(shift), c = C(scale), o = C(offset);
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    StoreUpTo(hn::MulAdd(c, Exp(hn::Sub(LoadUpTo(x + i, m), s)), o), y + i, m);
  });
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(Sum);
HWY_EXPORT(Dot);
HWY_EXPORT(SumOfDeviations);
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(SumRows);
HWY_EXPORT(LogSumExp);
HWY_EXPORT(SumOfExps);
HWY_EXPORT(SumFrom);
HWY_EXPORT(Softmax);
HWY_EXPORT(LogSoftmax);
HWY_EXPORT(SoftmaxBackward);
HWY_EXPORT(LogSoftmaxBackward);
HWY_EXPORT(ScaledExp);

double sum(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(Sum)(x, n); }
float dot(const float* a, const float* b, int64_t n) { return HWY_DYNAMIC_DISPATCH(Dot)(a, b, n); }
double sum_of_deviations(const float* x, int64_t n, float from) {
  return HWY_DYNAMIC_DISPATCH(SumOfDeviations)(x, n, from);
}
double sum_of_squares(const float* x, int64_t n, float from, float mean) {
  return HWY_DYNAMIC_DISPATCH(SumOfSquares)(x, n, from, mean);
}
void sum_rows(const float* x, int64_t rows, int64_t cols, int64_t stride, float* y,
              bool accumulate) {
  HWY_DYNAMIC_DISPATCH(SumRows)(x, rows, cols, stride, y, accumulate);
}
float logsumexp(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(LogSumExp)(x, n); }
ExpSum exp_sum(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(SumOfExps)(x, n); }
double sum_from(const float* x, float from, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(SumFrom)(x, from, n);
}
void softmax(const float* x, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(Softmax)(x, y, n); }
void log_softmax(const float* x, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(LogSoftmax)(x, y, n); }
void softmax_backward(const float* y, const float* dy, float* dx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(SoftmaxBackward)(y, dy, dx, n);
}
void log_softmax_backward(const float* y, const float* dy, float* dx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxBackward)(y, dy, dx, n);
}
void scaled_exp(const float* x, float shift, float scale, float offset, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(ScaledExp)(x, shift, scale, offset, y, n);
}
}  // namespace vitro::simd
#endif
