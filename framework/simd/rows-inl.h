// Loops over a row of float32 of any length, compiled once per instruction set.
// (There is no include guard, because Highway includes this file once per target.)
#include <algorithm>

#include "framework/base/dtype.h"
#include "framework/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

HWY_INLINE float SumLanes(V v) { return hn::GetLane(hn::SumOfLanes(d, v)); }

// Returns the sum of all lanes of all f(i, m).  f(i, m) returns a vector for m elements of a row of
// n, from element i on.  Only the last vector has m < Lanes(); its other lanes must be zero.
template <class F>
HWY_INLINE float SumOf(int64_t n, F f) {
  const int64_t step = Lanes();
  V s0 = C(0), s1 = C(0), s2 = C(0), s3 = C(0);
  int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    s0 = hn::Add(s0, f(i, step));
    s1 = hn::Add(s1, f(i + step, step));
    s2 = hn::Add(s2, f(i + 2 * step, step));
    s3 = hn::Add(s3, f(i + 3 * step, step));
  }
  for (; i < n; i += step) s0 = hn::Add(s0, f(i, std::min(step, n - i)));
  return SumLanes(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

HWY_INLINE V LoadUpTo(const float* p, int64_t n, float fill = 0) {
  return n == Lanes() ? hn::LoadU(d, p) : LoadTail(p, n, fill);
}
HWY_INLINE void StoreUpTo(V v, float* p, int64_t n) {
  if (n == Lanes()) hn::StoreU(v, d, p);
  else StoreTail(v, p, n);
}
// Loads a vector of float32 from numbers of either dtype.
HWY_INLINE V Widen(const float* p) { return hn::LoadU(d, p); }
HWY_INLINE V Widen(const BFloat16* p) {
  const hn::Rebind<uint16_t, D> dh;
  const auto bits = hn::LoadU(dh, reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(hn::RebindToUnsigned<D>(), bits)));
}
HWY_INLINE V WidenUpTo(const float* p, int64_t n) { return LoadUpTo(p, n); }
HWY_INLINE V WidenUpTo(const BFloat16* p, int64_t n) {
  if (n == Lanes()) return Widen(p);
  BFloat16 room[HWY_MAX_BYTES / sizeof(float)] = {};
  for (int64_t i = 0; i < n; ++i) room[i] = p[i];
  return Widen(room);
}

template <class F>
HWY_INLINE void ForEach(int64_t n, F f) {
  const int64_t step = Lanes();
  int64_t i = 0;
  for (; i + step <= n; i += step) f(i, step);
  if (i < n) f(i, n - i);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
