// Kernels of the norms.
#include "ops/simd/norm.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

template <bool kCentered>
HWY_INLINE NormRow Norm(const float* x, const float* w, const float* b, float eps, float* y,
                        int64_t n) {
  const auto count = static_cast<float>(n);
  float mean = 0;
  if (kCentered)
    mean = SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR { return LoadUpTo(x + i, m); }) / count;
  const V shift = C(mean);
  const float squares = SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR {
    const V z = hn::Sub(LoadUpTo(x + i, m, mean), shift);  // a tail adds nothing
    return hn::Mul(z, z);
  });
  const NormRow row{mean, 1.0f / std::sqrt(squares / count + eps)};
  const V scale = C(row.rstd);
  ForEach(n, [&](int64_t i, int64_t m) HWY_ATTR {
    V z = hn::Mul(hn::Sub(LoadUpTo(x + i, m), shift), scale);
    if (w) z = hn::Mul(z, LoadUpTo(w + i, m));
    if (b) z = hn::Add(z, LoadUpTo(b + i, m));
    StoreUpTo(z, y + i, m);
  });
  return row;
}

template <bool kCentered>
HWY_INLINE void NormBackward(const float* x, const float* w, const float* dy, const NormRow& row,
                             const NormGradients& to, int64_t n) {
  const V shift = C(row.mean), scale = C(row.rstd);
  const auto z_at = [&](int64_t i, int64_t m)
                        HWY_ATTR { return hn::Mul(hn::Sub(LoadUpTo(x + i, m), shift), scale); };
  const auto g_at = [&](int64_t i, int64_t m) HWY_ATTR {
    const V g = LoadUpTo(dy + i, m);
    return w ? hn::Mul(g, LoadUpTo(w + i, m)) : g;
  };
  if (to.dx) {
    const float count = static_cast<float>(n);
    const float along = SumOf(n, [&](int64_t i, int64_t m) HWY_ATTR {
      return hn::Mul(g_at(i, m), z_at(i, m));  // a tail's g is zero
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

NormRow layer_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(LayerNorm)(x, w, b, eps, y, n);
}
NormRow rms_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(RmsNorm)(x, w, b, eps, y, n);
}
void layer_norm_backward(const float* x, const float* w, const float* dy, const NormRow& row,
                         const NormGradients& to, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LayerNormBackward)(x, w, dy, row, to, n);
}
void rms_norm_backward(const float* x, const float* w, const float* dy, const NormRow& row,
                       const NormGradients& to, int64_t n) {
  HWY_DYNAMIC_DISPATCH(RmsNormBackward)(x, w, dy, row, to, n);
}
}  // namespace vitro::simd
#endif
