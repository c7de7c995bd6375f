// float32 vector functions, compiled once per instruction set.  NaN gives NaN; infinities give the
// limits.  tests/ops/test_kernels.cpp measures the errors against float64.
// (There is no include guard, because Highway includes this file once per target.)
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
inline constexpr D d{};

HWY_INLINE V C(float x) { return hn::Set(d, x); }
HWY_INLINE int64_t Lanes() { return static_cast<int64_t>(hn::Lanes(d)); }

// Loads or stores the last n elements of an array, 0 < n < Lanes(), and touches nothing after them.
HWY_INLINE V LoadTail(const float* p, int64_t n, float fill = 0.0f) {
#if HWY_TARGET <= HWY_AVX2
  auto mask = hn::FirstN(d, static_cast<size_t>(n));
  V v = hn::MaskedLoad(mask, d, p);  // zero elsewhere
  return fill == 0.0f ? v : hn::IfThenElse(mask, v, C(fill));
#elif HWY_TARGET == HWY_SCALAR  // one lane has no tail
  return (void)n, (void)fill, hn::LoadU(d, p);
#else
  HWY_ALIGN float room[HWY_MAX_BYTES / sizeof(float)];
  for (int64_t i = 0; i < Lanes(); ++i) room[i] = i < n ? p[i] : fill;
  return hn::Load(d, room);
#endif
}
HWY_INLINE void StoreTail(V v, float* p, int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, p);
#elif HWY_TARGET == HWY_SCALAR
  (void)n, hn::StoreU(v, d, p);
#else
  HWY_ALIGN float room[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(v, d, room);
  for (int64_t i = 0; i < n; ++i) p[i] = room[i];
#endif
}

// max(x, low) and min(x, high); NaN stays NaN.  If one operand is NaN, Max and Min return the
// second operand for vectors, and the first for the scalar target.
HWY_INLINE V AtLeast(V x, float low) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, C(low)), C(low), x);
#else
  return hn::Max(C(low), x);
#endif
}
HWY_INLINE V AtMost(V x, float high) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, C(high)), C(high), x);
#else
  return hn::Min(C(high), x);
#endif
}

HWY_INLINE V KeepNaN(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

// e^r for r = t - n ln2 in [-ln2/2, ln2/2]: a polynomial of degree 6 (Cephes expf, Moshier 1992).
HWY_INLINE V ExpOfRest(V t, V n) {
  V r = hn::NegMulAdd(n, C(0.693359375f), t);  // ln2 in two parts
  r = hn::NegMulAdd(n, C(-2.12194440e-4f), r);
  V p = C(1.9875691500e-4f);
  p = hn::MulAdd(p, r, C(1.3981999507e-3f));
  p = hn::MulAdd(p, r, C(8.3334519073e-3f));
  p = hn::MulAdd(p, r, C(4.1665795894e-2f));
  p = hn::MulAdd(p, r, C(1.6666665459e-1f));
  p = hn::MulAdd(p, r, C(5.0000001201e-1f));
  return hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, C(1.0f)));
}

// e^x = 2^n e^r.  Below x = -87.3 the result would be denormal, and zero is returned.
HWY_INLINE V Exp(V x) {
  const hn::RebindToSigned<D> di;
  V low = C(-87.3365f), high = C(88.7228f);
  V t = hn::Min(hn::Max(x, low), high);
  V n = hn::Round(hn::Mul(t, C(1.44269504089f)));
  // 2^n.  float32 cannot hold 2^128, so n = 128 takes 2^127 and doubles the result.
  V scale = hn::BitCast(
      d, hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, hn::Min(n, C(127.0f))), hn::Set(di, 127))));
  V y = hn::Mul(ExpOfRest(t, n), scale);
  y = hn::IfThenElse(hn::Gt(n, C(127.0f)), hn::Add(y, y), y);
  y = hn::IfThenElse(hn::Gt(x, high), hn::Inf(d), y);
  y = hn::IfThenZeroElse(hn::Lt(x, low), y);
  return KeepNaN(x, y);
}

// e^x for x <= 0, in fewer steps: nothing can overflow, and n is in the low bits of
// x log2(e) + 1.5 2^23.
HWY_INLINE V ExpNonPositive(V x) {
  const hn::RebindToSigned<D> di;
  const V shifter = C(12582912.0f);
  const V t = hn::MulAdd(x, C(1.44269504089f), shifter), n = hn::Sub(t, shifter);
  const V p = ExpOfRest(x, n);
  const V y = hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, t))));
  return KeepNaN(x, hn::IfThenZeroElse(hn::Lt(x, C(-87.3365f)), y));
}

// 2^n 2^r for whole n in [-127, 128] and r in [-1/2, 1/2]: zero for n = -127, infinite for n = 128.
// The minimax polynomial of degree 5 has an error of up to 1.3 units in the last place.
HWY_INLINE V Exp2OfRest(V n, V r) {
  const hn::RebindToSigned<D> di;
  V p = C(1.327647245e-03f);
  p = hn::MulAdd(p, r, C(9.675540961e-03f));
  p = hn::MulAdd(p, r, C(5.550713092e-02f));
  p = hn::MulAdd(p, r, C(2.402212024e-01f));
  p = hn::MulAdd(p, r, C(6.931469440e-01f));
  p = hn::MulAdd(p, r, C(1.000000119f));
  const auto bits = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
  return hn::Mul(p, hn::BitCast(d, bits));
}
// 2^t for -126 <= t <= 128; infinite at 128.
HWY_INLINE V Exp2Within(V t) {
  const V n = hn::Round(t);
  return Exp2OfRest(n, hn::Sub(t, n));
}

// e^(-c t^2) = 2^(n + r) for c = 1/2 or 1, if n + r >= -127.4; the result is zero below 2^-126.5.
// t^2 and log2(e) have two parts each, because rounding a large exponent would cost digits.
HWY_INLINE V ExpMinusSquare(V t, float c) {
#if HWY_TARGET == HWY_SCALAR  // this target rounds a product before it adds
  const double x = hn::GetLane(t);
  const double y = std::exp(-static_cast<double>(c) * x * x);
  return C(y < 8.3e-39 ? 0.0f : static_cast<float>(y));
#else
  const V high = C(-c * 1.44269502f), low = C(-c * 1.92596299e-8f);
  const V s = hn::Mul(t, t), rest = hn::MulSub(t, t, s), n = hn::Round(hn::Mul(s, high));
  V r = hn::MulSub(s, high, n);
  r = hn::MulAdd(s, low, r);
  return Exp2OfRest(n, hn::MulAdd(rest, high, r));
#endif
}
inline constexpr float kNormalEnd = 13.27f, kErfcEnd = 9.383f;  // ExpMinusSquare is zero there

// e^(t^2 / 2) Phi(-t) for t in [0, 13.3], where Phi is the cumulative distribution function of the
// normal: a rational minimax fit with a relative error of 5e-9.
HWY_INLINE V NormalTail(V t) {
  V p = C(4.020123573e-03f);
  p = hn::MulAdd(p, t, C(3.998376987e-02f));
  p = hn::MulAdd(p, t, C(1.813056357e-01f));
  p = hn::MulAdd(p, t, C(4.356849116e-01f));
  p = hn::MulAdd(p, t, C(5.000000025e-01f));
  V q = C(1.007681220e-02f);
  q = hn::MulAdd(q, t, C(1.002318294e-01f));
  q = hn::MulAdd(q, t, C(4.643773462e-01f));
  q = hn::MulAdd(q, t, C(1.194479724e+00f));
  q = hn::MulAdd(q, t, C(1.669254742e+00f));
  return hn::Div(p, hn::MulAdd(q, t, C(1.0f)));
}

HWY_INLINE V Log(V x) {
  V y = hn::Log(d, x);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(hn::Inf(d)), y);
  y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::NaN(d), y);
  y = hn::IfThenElse(hn::Eq(x, hn::Inf(d)), x, y);
  return KeepNaN(x, y);
}

// erf x = x P(x^2) / Q(x^2) for |x| <= 4; beyond, erf is +-1 in float32.  Source: the rational
// minimax form of Eigen and XLA.
HWY_INLINE V Erf(V x) {
  V t = hn::IfThenElse(hn::Gt(hn::Abs(x), C(4.0f)), hn::CopySign(C(4.0f), x), x);
  V s = hn::Mul(t, t);
  V p = C(-2.72614225801306e-10f);
  p = hn::MulAdd(p, s, C(2.77068142495902e-08f));
  p = hn::MulAdd(p, s, C(-2.10102402082508e-06f));
  p = hn::MulAdd(p, s, C(-5.69250639462346e-05f));
  p = hn::MulAdd(p, s, C(-7.34990630326855e-04f));
  p = hn::MulAdd(p, s, C(-2.95459980854025e-03f));
  p = hn::MulAdd(p, s, C(-1.60960333262415e-02f));
  V q = C(-1.45660718464996e-05f);
  q = hn::MulAdd(q, s, C(-2.13374055278905e-04f));
  q = hn::MulAdd(q, s, C(-1.68282697438203e-03f));
  q = hn::MulAdd(q, s, C(-7.37332916720468e-03f));
  q = hn::MulAdd(q, s, C(-1.42647390514189e-02f));
  return hn::Div(hn::Mul(t, p), q);
}

// tanh x = x P(x^2) / Q(x^2) for |x| <= 7.9 (same source); beyond 9, tanh is +-1 in float32.
HWY_INLINE V Tanh(V x) {
  V t = hn::Min(hn::Max(x, C(-7.90531110763549805f)), C(7.90531110763549805f));
  V s = hn::Mul(t, t);
  V p = C(-2.76076847742355e-16f);
  p = hn::MulAdd(p, s, C(2.00018790482477e-13f));
  p = hn::MulAdd(p, s, C(-8.60467152213735e-11f));
  p = hn::MulAdd(p, s, C(5.12229709037114e-08f));
  p = hn::MulAdd(p, s, C(1.48572235717979e-05f));
  p = hn::MulAdd(p, s, C(6.37261928875436e-04f));
  p = hn::MulAdd(p, s, C(4.89352455891786e-03f));
  V q = C(1.19825839466702e-06f);
  q = hn::MulAdd(q, s, C(1.18534705686654e-04f));
  q = hn::MulAdd(q, s, C(2.26843463243900e-03f));
  q = hn::MulAdd(q, s, C(4.89352518554385e-03f));
  V y = hn::Div(hn::Mul(t, p), q);
  y = hn::IfThenElse(hn::Gt(hn::Abs(x), C(9.0f)), hn::CopySign(C(1.0f), x), y);
  return KeepNaN(x, y);
}

HWY_INLINE V Sigmoid(V x) { return hn::Div(C(1.0f), hn::Add(C(1.0f), Exp(hn::Neg(x)))); }

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
HWY_INLINE V Softplus(V x) {
  V y = hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, Exp(hn::Neg(hn::Abs(x)))));
  return KeepNaN(x, y);
}

// t = -2 u / ln 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), so that sigmoid(2 u) = 1 / (1 + 2^t).
HWY_INLINE V GeluTanhExponent(V x, V square) {
  return hn::Mul(x, hn::MulAdd(C(-0.10294323958f), square, C(-2.3022081981f)));
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
