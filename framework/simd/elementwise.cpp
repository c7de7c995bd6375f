// The elementwise float32 kernels.
#include "framework/simd/elementwise.h"

#include <cmath>
#include <cstdlib>
#include <string_view>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/simd/elementwise.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

template <class F>
HWY_INLINE void Map(const float* x, float* y, int64_t n, F f) {
  const int64_t step = Lanes();
  int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    V a = f(hn::LoadU(d, x + i)), b = f(hn::LoadU(d, x + i + step));
    hn::StoreU(a, d, y + i);
    hn::StoreU(b, d, y + i + step);
  }
  if (i + step <= n) {
    hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
    i += step;
  }
  if (i < n) StoreTail(f(LoadTail(x + i, n - i)), y + i, n - i);
}

template <class F>
HWY_INLINE void Map2(const float* a, const float* b, float* y, int64_t n, F f) {
  const int64_t step = Lanes();
  int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    V u = f(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
    V v = f(hn::LoadU(d, a + i + step), hn::LoadU(d, b + i + step));
    hn::StoreU(u, d, y + i);
    hn::StoreU(v, d, y + i + step);
  }
  if (i + step <= n) {
    hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
    i += step;
  }
  if (i < n) StoreTail(f(LoadTail(a + i, n - i), LoadTail(b + i, n - i)), y + i, n - i);
}

// These turn the formula of an op, on vectors or on numbers, into a kernel on arrays.
template <V (*kFormula)(V)>
void Apply(const float* x, float* y, int64_t n) {
  Map(x, y, n, [](V v) HWY_ATTR { return kFormula(v); });
}
template <V (*kFormula)(V, V)>
void Apply2(const float* a, const float* b, float* y, int64_t n) {
  Map2(a, b, y, n, [](V u, V v) HWY_ATTR { return kFormula(u, v); });
}
template <float (*kFormula)(float)>
void ApplyScalar(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = kFormula(x[i]);
}

HWY_INLINE V Neg(V x) { return hn::Neg(x); }
HWY_INLINE V Abs(V x) { return hn::Abs(x); }
HWY_INLINE V Sqrt(V x) { return hn::Sqrt(x); }
HWY_INLINE V Rsqrt(V x) { return hn::Div(C(1.0f), hn::Sqrt(x)); }
HWY_INLINE V Relu(V x) { return KeepNaN(x, hn::Max(x, hn::Zero(d))); }
// x Phi(x) = max(x, 0) - |x| Phi(-|x|)
HWY_INLINE V Gelu(V x) {
  const V t = AtMost(hn::Abs(x), kNormalEnd);
  const V tail = hn::Mul(ExpMinusSquare(t, 0.5f), NormalTail(t));
  return hn::NegMulAdd(t, tail, AtLeast(x, 0.0f));
}
// x sigmoid(2 u), with u as in GeluTanhExponent.  Below x = -11 it is zero in float32.
HWY_INLINE V GeluTanh(V x) {
  const V t = GeluTanhExponent(x, hn::Mul(x, x));
  const V e = Exp2Within(hn::Min(hn::Max(t, C(-126.0f)), C(128.0f)));
  return hn::Div(AtLeast(x, -11.0f), hn::Add(C(1.0f), e));
}
// x / (1 + e^-x).  Below x = -100 it is zero in float32.
HWY_INLINE V Silu(V x) { return hn::Div(AtLeast(x, -100.0f), hn::Add(C(1.0f), Exp(hn::Neg(x)))); }
// erfc x = 2 Phi(-sqrt(2) x)
HWY_INLINE V Erfc(V x) {
  const V t = AtMost(hn::Abs(x), kErfcEnd);
  const V tail =
      hn::Mul(hn::Mul(C(2.0f), ExpMinusSquare(t, 1.0f)), NormalTail(hn::Mul(t, C(1.41421356237f))));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(C(2.0f), tail), tail);
}

HWY_INLINE V Add(V a, V b) { return hn::Add(a, b); }
HWY_INLINE V Sub(V a, V b) { return hn::Sub(a, b); }
HWY_INLINE V Mul(V a, V b) { return hn::Mul(a, b); }
HWY_INLINE V MulOrZero(V a, V b) {
  return hn::IfThenZeroElse(hn::Eq(b, hn::Zero(d)), hn::Mul(a, b));
}
HWY_INLINE V Div(V a, V b) { return hn::Div(a, b); }
HWY_INLINE V Minimum(V a, V b) { return KeepNaN(a, KeepNaN(b, hn::Min(a, b))); }
HWY_INLINE V Maximum(V a, V b) { return KeepNaN(a, KeepNaN(b, hn::Max(a, b))); }

HWY_INLINE V TanhBackward(V y, V dy) { return hn::Mul(dy, hn::NegMulAdd(y, y, C(1.0f))); }
HWY_INLINE V SigmoidBackward(V y, V dy) { return hn::Mul(dy, hn::NegMulAdd(y, y, y)); }
HWY_INLINE V ReluBackward(V x, V dy) { return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), dy); }
// d(x Phi(x))/dx = Phi(x) + x e^(-x^2/2) / sqrt(2 pi); the slopes at x and -x add up to 1.
HWY_INLINE V GeluBackward(V x, V dy) {
  const V t = AtMost(hn::Abs(x), kNormalEnd);
  const V left =
      hn::Mul(ExpMinusSquare(t, 0.5f), hn::NegMulAdd(t, C(0.3989422804f), NormalTail(t)));  // at -t
  const V slope = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), left, hn::Sub(C(1.0f), left));
  return hn::Mul(dy, slope);
}
// s + 2 x s (1 - s) u' with s = sigmoid(2 u).  s (1 - s) is computed from e^-2|u|, so that it keeps
// its digits for large |x|, where x u' is large.
HWY_INLINE V GeluTanhBackward(V x, V dy) {
  const V square = hn::Min(hn::Mul(x, x), C(1e4f));  // for larger x^2, `small` is zero
  const V t = hn::Neg(hn::Abs(GeluTanhExponent(x, square)));
  const V e = hn::IfThenZeroElse(hn::Lt(t, C(-126.0f)), Exp2Within(hn::Max(t, C(-126.0f))));
  const V large = hn::Div(C(1.0f), hn::Add(C(1.0f), e)), small = hn::Mul(e, large);
  const V s = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), small, large);
  const V slope = hn::MulAdd(C(6 * 0.7978845608f * 0.044715f), square, C(2 * 0.7978845608f));
  const V inner = AtMost(AtLeast(x, -100.0f), 100.0f);
  return hn::Mul(dy, hn::MulAdd(hn::Mul(inner, hn::Mul(large, small)), slope, s));
}
// s + x s (1 - s) with s = sigmoid x
HWY_INLINE V SiluBackward(V x, V dy) {
  const V s = Sigmoid(x), inner = AtMost(AtLeast(x, -100.0f), 100.0f);
  return hn::Mul(dy, hn::MulAdd(hn::Mul(inner, s), hn::Sub(C(1.0f), s), s));
}
HWY_INLINE V SoftplusBackward(V x, V dy) { return hn::Mul(dy, Sigmoid(x)); }

UnaryKernel GetUnary(Unary op) {
  switch (op) {
    case Unary::kNeg: return Apply<Neg>;
    case Unary::kAbs: return Apply<Abs>;
    case Unary::kSqrt: return Apply<Sqrt>;
    case Unary::kRsqrt: return Apply<Rsqrt>;
    case Unary::kExp: return Apply<Exp>;
    case Unary::kLog: return Apply<Log>;
    case Unary::kSin: return ApplyScalar<std::sin>;
    case Unary::kCos: return ApplyScalar<std::cos>;
    case Unary::kErf: return Apply<Erf>;
    case Unary::kErfc: return Apply<Erfc>;
    case Unary::kTanh: return Apply<Tanh>;
    case Unary::kSigmoid: return Apply<Sigmoid>;
    case Unary::kRelu: return Apply<Relu>;
    case Unary::kGelu: return Apply<Gelu>;
    case Unary::kGeluTanh: return Apply<GeluTanh>;
    case Unary::kSilu: return Apply<Silu>;
    case Unary::kSoftplus: return Apply<Softplus>;
  }
  return nullptr;
}

BinaryKernel GetBinary(Binary op) {
  switch (op) {
    case Binary::kAdd: return Apply2<Add>;
    case Binary::kSub: return Apply2<Sub>;
    case Binary::kMul: return Apply2<Mul>;
    case Binary::kMulOrZero: return Apply2<MulOrZero>;
    case Binary::kDiv: return Apply2<Div>;
    case Binary::kMinimum: return Apply2<Minimum>;
    case Binary::kMaximum: return Apply2<Maximum>;
    case Binary::kTanhBackward: return Apply2<TanhBackward>;
    case Binary::kSigmoidBackward: return Apply2<SigmoidBackward>;
    case Binary::kReluBackward: return Apply2<ReluBackward>;
    case Binary::kGeluBackward: return Apply2<GeluBackward>;
    case Binary::kGeluTanhBackward: return Apply2<GeluTanhBackward>;
    case Binary::kSiluBackward: return Apply2<SiluBackward>;
    case Binary::kSoftplusBackward: return Apply2<SoftplusBackward>;
  }
  return nullptr;
}

void Axpy(float c, const float* x, float* y, int64_t n) {
  const V factor = C(c);
  Map2(x, y, y, n, [factor](V u, V v) HWY_ATTR { return hn::MulAdd(factor, u, v); });
}

void ToFloat(const BFloat16* x, float* y, int64_t n) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint16_t, D> dh;
  const auto* bits = reinterpret_cast<const uint16_t*>(x);
  const int64_t step = Lanes();
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    auto wide = hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(dh, bits + i)));
    hn::StoreU(hn::BitCast(d, wide), d, y + i);
  }
  for (; i < n; ++i) y[i] = x[i];
}

// Rounds to nearest even: adds 0x7fff, plus 1 if the last bit kept is 1, and drops the lower half.
// (Highway's own DemoteTo does not round, and can turn a NaN into infinity.)
void ToBFloat16(const float* x, BFloat16* y, int64_t n) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint16_t, D> dh;
  auto* bits = reinterpret_cast<uint16_t*>(y);
  const int64_t step = Lanes();
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    V v = hn::LoadU(d, x + i);
    auto u = hn::BitCast(du, v);
    auto even = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1));
    auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(even, hn::Set(du, 0x7fff))));
    auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(du, 0x40));
    auto chosen = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), nan, rounded);
    hn::StoreU(hn::TruncateTo(dh, chosen), dh, bits + i);
  }
  for (; i < n; ++i) y[i] = x[i];
}

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(GetUnary);
HWY_EXPORT(GetBinary);
HWY_EXPORT(Axpy);
HWY_EXPORT(ToFloat);
HWY_EXPORT(ToBFloat16);
HWY_EXPORT(TargetName);

UnaryKernel unary_kernel(Unary op) { return HWY_DYNAMIC_DISPATCH(GetUnary)(op); }
BinaryKernel binary_kernel(Binary op) { return HWY_DYNAMIC_DISPATCH(GetBinary)(op); }
void axpy(float c, const float* x, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(Axpy)(c, x, y, n); }
void to_float(const BFloat16* x, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(ToFloat)(x, y, n); }
void to_bfloat16(const float* x, BFloat16* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(ToBFloat16)(x, y, n);
}
std::string_view target_name() { return HWY_DYNAMIC_DISPATCH(TargetName)(); }
}  // namespace vitro::simd
#endif
