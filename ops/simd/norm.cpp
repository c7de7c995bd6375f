// Kernels of layer_norm and rms_norm: fast ones in float32, and precise ones in float64.
#include "ops/simd/norm.h"

#include <algorithm>
#include <cmath>

#ifndef VITRO_SIMD_NORM_LIMITS  // once, not per target
#define VITRO_SIMD_NORM_LIMITS
namespace vitro::simd {

// Bounds of variance + eps.  Squares that underflow in float32 do not change a sum of at least
// kLeastVariance.
inline constexpr float kLeastVariance = 1e-30f, kMostVariance = 1e37f;
// The largest rest^2 / variance; at this ratio the variance has lost two binary digits.
inline constexpr float kMostRest = 4;
inline constexpr NormRow kPrecise{0, 0, 0};  // marks a row for the float64 kernels

}  // namespace vitro::simd
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

struct Moments {
  float sum, squares;
};

// sum z and sum z^2 over the vectors z = f(i, m) of m numbers from i on.  f gives 0 after the m-th
// number.
template <class F>
HWY_INLINE Moments MomentsOf(int64_t n, F f) {
  const int64_t step = Lanes();
  V s[4] = {C(0), C(0), C(0), C(0)}, q[4] = {C(0), C(0), C(0), C(0)};
  const auto add = [&](int k, V z) HWY_ATTR {
    s[k] = hn::Add(s[k], z);
    q[k] = hn::MulAdd(z, z, q[k]);
  };
  int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step)
    for (int k = 0; k < 4; ++k) add(k, f(i + k * step, step));
  for (; i < n; i += step) add(0, f(i, std::min(step, n - i)));
  return {SumLanes(hn::Add(hn::Add(s[0], s[1]), hn::Add(s[2], s[3]))),
          SumLanes(hn::Add(hn::Add(q[0], q[1]), hn::Add(q[2], q[3])))};
}

// The first pass sums x - x_0 and its squares, which are small if the numbers are near each other:
// mean = x_0, and `rest` is the mean of the differences.  If rest^2 is large compared with the
// variance, the variance loses digits, and a second pass subtracts mean + rest instead of x_0.  If
// squares overflow or underflow, or `rest` is still too large, nothing is written and kPrecise is
// returned; norm_precise then computes the row.
template <bool kCentered>
HWY_INLINE NormRow Norm(const float* x, const float* w, const float* b, float eps, float* y,
                        int64_t n) {
  const auto count = static_cast<float>(n);
  float mean = 0, rest = 0, variance = 0;
  if (kCentered) {
    mean = x[0];
    for (int pass = 0; pass < 2; ++pass) {
      const Moments of = MomentsOf(n, [&, shift = C(mean)](int64_t i, int64_t m) HWY_ATTR {
        return hn::Sub(LoadUpTo(x + i, m, mean), shift);
      });
      rest = of.sum / count;
      variance = of.squares / count - rest * rest;
      if (rest * rest <= kMostRest * variance) break;
      if (pass == 0) mean += rest;
    }
  } else {
    variance = SumOf(n,
                     [&](int64_t i, int64_t m) HWY_ATTR {
                       const V z = LoadUpTo(x + i, m);
                       return hn::Mul(z, z);
                     }) /
               count;
  }
  const float sum = variance + eps;
  if (!(rest * rest <= kMostRest * variance && kLeastVariance <= sum && sum <= kMostVariance))
    return kPrecise;
  const V shift = C(mean);
  const NormRow row{mean, rest, 1.0f / std::sqrt(sum)};
  const V scale = C(row.rstd), offset = C(row.rest * row.rstd);
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    V z = hn::MulSub(hn::Sub(LoadUpTo(x + i, m), shift), scale, offset);
    if (w) z = hn::Mul(z, LoadUpTo(w + i, m));
    if (b) z = hn::Add(z, LoadUpTo(b + i, m));
    StoreUpTo(z, y + i, m);
  });
  return row;
}

template <bool kCentered>
HWY_INLINE void NormBackward(const float* x, const float* w, const float* dy, const NormRow& row,
                             const NormGradients& to, int64_t n) {
  const V shift = C(row.mean), scale = C(row.rstd), offset = C(row.rest * row.rstd);
  const auto z_at = [&](int64_t i, int64_t m) HWY_ATTR {
    return hn::MulSub(hn::Sub(LoadUpTo(x + i, m), shift), scale, offset);
  };
  const auto g_at = [&](int64_t i, int64_t m) HWY_ATTR {
    const V g = LoadUpTo(dy + i, m);
    return w ? hn::Mul(g, LoadUpTo(w + i, m)) : g;
  };
  if (to.dx) {
    const float count = static_cast<float>(n);
    const float along = SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR {
      return hn::Mul(g_at(i, m), z_at(i, m));  // g is 0 after the m-th number
    });
    const V slope = C(along / count), mean = C(kCentered ? SumOf(n, g_at) / count : 0.0f);
    ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
      const V g = hn::Sub(g_at(i, m), mean);
      StoreUpTo(hn::Mul(scale, hn::NegMulAdd(z_at(i, m), slope, g)), to.dx + i, m);
    });
  }
  if (to.dw)
    ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
      StoreUpTo(hn::MulAdd(LoadUpTo(dy + i, m), z_at(i, m), LoadUpTo(to.dw + i, m)), to.dw + i, m);
    });
  if (to.db)
    ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
      StoreUpTo(hn::Add(LoadUpTo(dy + i, m), LoadUpTo(to.db + i, m)), to.db + i, m);
    });
}

NormRow LayerNorm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  return Norm<true>(x, w, b, eps, y, n);
}
NormRow RmsNorm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  return Norm<false>(x, w, b, eps, y, n);
}
void LayerNormBackward(const float* x, const float* w, const float* dy, const NormRow& row,
                       const NormGradients& to, int64_t n) {
  NormBackward<true>(x, w, dy, row, to, n);
}
void RmsNormBackward(const float* x, const float* w, const float* dy, const NormRow& row,
                     const NormGradients& to, int64_t n) {
  NormBackward<false>(x, w, dy, row, to, n);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(LayerNorm);
HWY_EXPORT(RmsNorm);
HWY_EXPORT(LayerNormBackward);
HWY_EXPORT(RmsNormBackward);

namespace {

struct PreciseRow {
  double mean, rstd;
};

PreciseRow precise_row(const float* x, float eps, int64_t n, bool centered) {
  const auto count = static_cast<double>(n);
  double mean = 0, squares = 0;
  for (int64_t i = 0; centered && i < n; ++i) mean += static_cast<double>(x[i]);
  mean /= count;
  for (int64_t i = 0; i < n; ++i) {
    const double z = static_cast<double>(x[i]) - mean;
    squares += z * z;
  }
  return {mean, 1 / std::sqrt(squares / count + static_cast<double>(eps))};
}

// Computes a row in float64, where no square of a float32 overflows or underflows.
NormRow norm_precise(const float* x, const float* w, const float* b, float eps, float* y, int64_t n,
                     bool centered) {
  const PreciseRow row = precise_row(x, eps, n, centered);
  for (int64_t i = 0; i < n; ++i) {
    double z = (static_cast<double>(x[i]) - row.mean) * row.rstd;
    if (w) z *= static_cast<double>(w[i]);
    if (b) z += static_cast<double>(b[i]);
    y[i] = static_cast<float>(z);
  }
  return kPrecise;
}

void norm_precise_backward(const float* x, const float* w, const float* dy, float eps,
                           const NormGradients& to, int64_t n, bool centered) {
  const PreciseRow row = precise_row(x, eps, n, centered);
  const auto z_at = [&](int64_t i) { return (static_cast<double>(x[i]) - row.mean) * row.rstd; };
  const auto g_at = [&](int64_t i) {
    return static_cast<double>(dy[i]) * (w ? static_cast<double>(w[i]) : 1);
  };
  double mean = 0, slope = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (centered) mean += g_at(i) / static_cast<double>(n);
    slope += g_at(i) * z_at(i) / static_cast<double>(n);
  }
  for (int64_t i = 0; i < n; ++i) {
    if (to.dx) to.dx[i] = static_cast<float>(row.rstd * (g_at(i) - mean - z_at(i) * slope));
    if (to.dw) to.dw[i] += static_cast<float>(static_cast<double>(dy[i]) * z_at(i));
    if (to.db) to.db[i] += dy[i];
  }
}

bool is_precise(const NormRow& row) { return row.rstd == 0; }

}  // namespace

NormRow layer_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  const NormRow row = HWY_DYNAMIC_DISPATCH(LayerNorm)(x, w, b, eps, y, n);
  return is_precise(row) ? norm_precise(x, w, b, eps, y, n, /*centered=*/true) : row;
}
NormRow rms_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  const NormRow row = HWY_DYNAMIC_DISPATCH(RmsNorm)(x, w, b, eps, y, n);
  return is_precise(row) ? norm_precise(x, w, b, eps, y, n, /*centered=*/false) : row;
}
void layer_norm_backward(const float* x, const float* w, const float* dy, float eps,
                         const NormRow& row, const NormGradients& to, int64_t n) {
  if (is_precise(row)) return norm_precise_backward(x, w, dy, eps, to, n, /*centered=*/true);
  HWY_DYNAMIC_DISPATCH(LayerNormBackward)(x, w, dy, row, to, n);
}
void rms_norm_backward(const float* x, const float* w, const float* dy, float eps,
                       const NormRow& row, const NormGradients& to, int64_t n) {
  if (is_precise(row)) return norm_precise_backward(x, w, dy, eps, to, n, /*centered=*/false);
  HWY_DYNAMIC_DISPATCH(RmsNormBackward)(x, w, dy, row, to, n);
}
}  // namespace vitro::simd
#endif
