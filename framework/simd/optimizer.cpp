// The update rules of the optimizers, each written once for float32 and float64 vectors.
#include "framework/simd/optimizer.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/simd/optimizer.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Loads the vectors at element i, lets f(p, g, state) change p and state, and stores them.
template <int kStates, class D, class T, class F>
HWY_INLINE void StepAt(D d, const StepArrays<T>& x, int64_t i, F f) {
  using V = hn::Vec<D>;
  V p = hn::LoadU(d, x.p + i), state[kStates + 1];
  for (int s = 0; s < kStates; ++s) state[s] = hn::LoadU(d, x.state[s] + i);
  f(p, hn::LoadU(d, x.g + i), state);
  hn::StoreU(p, d, x.p + i);
  for (int s = 0; s < kStates; ++s) hn::StoreU(state[s], d, x.state[s] + i);
}

template <int kStates, class D, class T, class F>
HWY_INLINE void ForEachStep(D d, const StepArrays<T>& x, int64_t n, F f) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) StepAt<kStates>(d, x, i, f);
  if (i == n) return;
  // The last n - i elements are copied into whole vectors and back.
  constexpr size_t kRoom = HWY_MAX_BYTES / sizeof(T);
  HWY_ALIGN T room[kStates + 2][kRoom] = {};
  StepArrays<T> rest{room[kStates], room[kStates + 1], {}};
  std::copy(x.p + i, x.p + n, room[kStates]);
  std::copy(x.g + i, x.g + n, room[kStates + 1]);
  for (int s = 0; s < kStates; ++s) {
    rest.state[s] = room[s];
    std::copy(x.state[s] + i, x.state[s] + n, room[s]);
  }
  StepAt<kStates>(d, rest, 0, f);
  std::copy(rest.p, rest.p + (n - i), x.p + i);
  for (int s = 0; s < kStates; ++s) std::copy(room[s], room[s] + (n - i), x.state[s] + i);
}

template <class D, class T = hn::TFromD<D>>
void Step(D d, const Sgd& o, const StepArrays<T>& x, int64_t n) {
  const auto lr = hn::Set(d, static_cast<T>(o.lr)),
             momentum = hn::Set(d, static_cast<T>(o.momentum)),
             keep = hn::Set(d, static_cast<T>(o.keep)),
             decay = hn::Set(d, static_cast<T>(o.weight_decay));
  if (!x.state[0])
    return ForEachStep<0>(d, x, n, [&](auto& p, auto g, auto&) HWY_ATTR {
      p = hn::NegMulAdd(lr, hn::MulAdd(decay, p, g), p);
    });
  ForEachStep<1>(d, x, n, [&, nesterov = o.nesterov](auto& p, auto g, auto& state) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    state[0] = hn::MulAdd(momentum, state[0], hn::Mul(keep, g));
    p = hn::NegMulAdd(lr, nesterov ? hn::MulAdd(momentum, state[0], g) : state[0], p);
  });
}

template <class D, class T = hn::TFromD<D>>
void Step(D d, const Adam& o, const StepArrays<T>& x, int64_t n) {
  // lr / c1 m / (sqrt(v / c2) + eps) = (lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2))
  const double root = std::sqrt(o.correction2);
  const auto rate = hn::Set(d, static_cast<T>(o.lr * root / o.correction1)),
             eps = hn::Set(d, static_cast<T>(o.eps * root)),
             beta1 = hn::Set(d, static_cast<T>(o.beta1)),
             beta2 = hn::Set(d, static_cast<T>(o.beta2)),
             rest1 = hn::Set(d, static_cast<T>(1 - o.beta1)),
             rest2 = hn::Set(d, static_cast<T>(1 - o.beta2)),
             decay = hn::Set(d, static_cast<T>(o.decoupled ? 0 : o.weight_decay)),
             shrink = hn::Set(d, static_cast<T>(o.decoupled ? 1 - o.lr * o.weight_decay : 1));
  auto moments = [&](auto& p, auto g, auto& state) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    state[0] = hn::MulAdd(beta1, state[0], hn::Mul(rest1, g));
    state[1] = hn::MulAdd(beta2, state[1], hn::Mul(hn::Mul(rest2, g), g));
  };
  auto move = [&](auto& p, auto m, auto v) HWY_ATTR {
    p = hn::NegMulAdd(rate, hn::Div(m, hn::Add(hn::Sqrt(v), eps)), hn::Mul(p, shrink));
  };
  if (!o.amsgrad)
    return ForEachStep<2>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
      moments(p, g, state);
      move(p, state[0], state[1]);
    });
  ForEachStep<3>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
    moments(p, g, state);
    state[2] = hn::Max(state[2], state[1]);
    move(p, state[0], state[2]);
  });
}

template <class D, class T = hn::TFromD<D>>
void Step(D d, const RmsProp& o, const StepArrays<T>& x, int64_t n) {
  const auto lr = hn::Set(d, static_cast<T>(o.lr)), alpha = hn::Set(d, static_cast<T>(o.alpha)),
             rest = hn::Set(d, static_cast<T>(1 - o.alpha)),
             eps = hn::Set(d, static_cast<T>(o.eps)),
             decay = hn::Set(d, static_cast<T>(o.weight_decay)),
             momentum = hn::Set(d, static_cast<T>(o.momentum));
  auto square = [&](auto p, auto& g, auto& state) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    state[0] = hn::MulAdd(alpha, state[0], hn::Mul(hn::Mul(rest, g), g));
  };
  if (o.centered)
    return ForEachStep<3>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
      square(p, g, state);
      state[2] = hn::MulAdd(alpha, state[2], hn::Mul(rest, g));
      const auto spread = hn::Max(hn::NegMulAdd(state[2], state[2], state[0]), hn::Zero(d));
      state[1] = hn::MulAdd(momentum, state[1], hn::Div(g, hn::Add(hn::Sqrt(spread), eps)));
      p = hn::NegMulAdd(lr, state[1], p);
    });
  if (x.state[1])
    return ForEachStep<2>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
      square(p, g, state);
      state[1] = hn::MulAdd(momentum, state[1], hn::Div(g, hn::Add(hn::Sqrt(state[0]), eps)));
      p = hn::NegMulAdd(lr, state[1], p);
    });
  ForEachStep<1>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
    square(p, g, state);
    p = hn::NegMulAdd(lr, hn::Div(g, hn::Add(hn::Sqrt(state[0]), eps)), p);
  });
}

template <class D, class T = hn::TFromD<D>>
void Step(D d, const Adagrad& o, const StepArrays<T>& x, int64_t n) {
  const auto lr = hn::Set(d, static_cast<T>(o.lr)), eps = hn::Set(d, static_cast<T>(o.eps)),
             decay = hn::Set(d, static_cast<T>(o.weight_decay));
  ForEachStep<1>(d, x, n, [&](auto& p, auto g, auto& state) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    state[0] = hn::MulAdd(g, g, state[0]);
    p = hn::NegMulAdd(lr, hn::Div(g, hn::Add(hn::Sqrt(state[0]), eps)), p);
  });
}

template <class T>
HWY_INLINE void Update(const Rule& rule, const StepArrays<T>& x, int64_t n) {
  const hn::ScalableTag<T> d;
  if (auto* sgd = std::get_if<Sgd>(&rule)) return Step(d, *sgd, x, n);
  if (auto* adam = std::get_if<Adam>(&rule)) return Step(d, *adam, x, n);
  if (auto* rms = std::get_if<RmsProp>(&rule)) return Step(d, *rms, x, n);
  Step(d, std::get<Adagrad>(rule), x, n);
}
void UpdateFloat(const Rule& rule, const StepArrays<float>& x, int64_t n) { Update(rule, x, n); }
void UpdateDouble(const Rule& rule, const StepArrays<double>& x, int64_t n) { Update(rule, x, n); }

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(UpdateFloat);
HWY_EXPORT(UpdateDouble);

void update(const Rule& rule, const StepArrays<float>& x, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UpdateFloat)(rule, x, n);
}
void update(const Rule& rule, const StepArrays<double>& x, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UpdateDouble)(rule, x, n);
}
}  // namespace vitro::simd
#endif
