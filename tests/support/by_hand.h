// Computes a module by hand, down to its smallest modules, and compares it with vitro's own ops.
#pragma once
#include <catch2/catch.hpp>

#include "models/proof/whole.h"
#include "tests/support/tensors.h"
#include "vitro.h"

namespace vitro::testing {

// One calculation by hand.
struct ByHand {
  proof::Work work;
  proof::Gradients gradients;  // empty without dy
  const proof::Array& y() const { return work.y; }
  const proof::Array& dx() const { return work.dx; }
};

// m(x), and, for a defined dy, the gradients of sum(y dy).
inline ByHand by_hand(nn::Module& m, const proof::Array& x, const Tensor& dy = {},
                      const proof::Moved* moved = nullptr) {
  ByHand result{.work = {.module = &m, .x = x}, .gradients = {}};
  const proof::WholeOptions options{.gradients = &result.gradients, .moved = moved};
  proof::WholeHand hand(result.work, options);
  hand.run_forward();
  if (dy.defined()) result.work.dx = hand.run_backward(proof::array_of(dy));
  return result;
}

// max |a - b| / max |b|
inline double error_of(const proof::Array& a, const Tensor& b) {
  if (a.shape != b.shape()) return HUGE_VAL;
  double largest = 0;
  for (double v : values(b))
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  const double difference = max_difference(proof::tensor_of(a, kFloat64), b);
  return largest > 0 ? difference / largest : difference;
}

// Every tensor of a module, with the gradients that the engine computes.
struct ByOps {
  Tensor y, dy, dx;                               // dx is undefined for ids
  std::map<const TensorImpl*, Tensor> gradients;  // by parameter
};
inline ByOps by_ops(nn::Module& m, const Tensor& input) {
  ByOps result;
  m.zero_grad();
  Tensor x = input.detach();
  if (is_floating(x.dtype())) x = x.clone().requires_grad_();
  const Tensor y = m(x);
  result.y = y.detach(), result.dy = randn(y.shape(), kFloat64);
  if (y.requires_grad()) y.backward(result.dy);
  if (is_floating(x.dtype())) result.dx = x.grad();
  for (const Tensor& p : m.parameters())
    if (p.grad().defined()) result.gradients[p.impl()] = p.grad();
  m.zero_grad();
  return result;
}

// The largest error of output and gradients.  m and x are float64; a tied parameter has the sum of
// the gradients of its modules.
inline double error_by_hand(nn::Module& m, const Tensor& x) {
  const ByOps ops = by_ops(m, x);
  const ByHand hand = by_hand(m, proof::array_of(x), ops.dy);
  double most = error_of(hand.y(), ops.y);
  if (ops.dx.defined()) most = std::max(most, error_of(hand.dx(), ops.dx));
  else if (hand.dx().count() > 0) return HUGE_VAL;  // ids have no gradient
  std::map<const TensorImpl*, proof::Array> sums;
  for (const auto& [place, gradient] : hand.gradients) proof::add_to(sums[place->impl()], gradient);
  if (sums.size() != ops.gradients.size()) return HUGE_VAL;
  for (const auto& [parameter, gradient] : ops.gradients) {
    if (!sums.contains(parameter)) return HUGE_VAL;
    most = std::max(most, error_of(sums.at(parameter), gradient));
  }
  return most;
}

// Makes every parameter float64 and random, so that no bias is 0 and no norm weight is 1.
template <class M>
M& roughened(M& m, double deviation = 0.3) {
  m.to(kFloat64);
  NoGradGuard unrecorded;
  for (Tensor& p : m.parameters()) p.add_(randn(p.shape(), kFloat64) * deviation);
  return m;
}

// The largest error of dL/dx and dL/d(parameter) for L = sum(y dy), against central differences of
// the forward by hand at `count` drawn places each.  The bound of an error is 1.
inline double difference_error(nn::Module& m, const Tensor& input, int count = 4) {
  constexpr double kStep = 1e-5;
  const proof::Array x = proof::array_of(input);
  const Tensor dy = randn(by_hand(m, x).y().shape, kFloat64);
  const std::vector<double> weights = values(dy);
  const ByHand hand = by_hand(m, x, dy);
  const auto loss = [&](const proof::Array& at, const proof::Moved* moved) {
    const ByHand there = by_hand(m, at, {}, moved);
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) sum += there.y().value[i] * weights[i];
    return sum;
  };
  double scale = 0, most = 0;
  for (size_t i = 0; i < weights.size(); ++i) scale += std::abs(hand.y().value[i] * weights[i]);
  const auto judge = [&](double above, double below, double gradient) {
    const double slope = (above - below) / (2 * kStep);
    most = std::max(most,
                    std::abs(slope - gradient) / (1e-6 * std::abs(gradient) + 1e-9 * (scale + 1)));
  };
  const auto drawn = [](int64_t n) { return randint(0, n, {}, kInt64).item<int64_t>(); };
  for (int i = 0; i < count && !x.is_integer; ++i) {
    const int64_t place = drawn(x.count());
    proof::Array above = x, below = x;
    above.value[place] += kStep, below.value[place] -= kStep;
    judge(loss(above, nullptr), loss(below, nullptr), hand.dx().value[place]);
  }
  std::map<const TensorImpl*, std::pair<const Tensor*, proof::Array>> sums;
  for (const auto& [place, gradient] : hand.gradients) {
    sums[place->impl()].first = place;
    proof::add_to(sums[place->impl()].second, gradient);
  }
  for (const auto& [parameter, sum] : sums)
    for (int i = 0; i < count; ++i) {
      const int64_t place = drawn(sum.second.count());
      const double value = values(*sum.first)[place];
      const proof::Moved above{parameter, place, value + kStep},
          below{parameter, place, value - kStep};
      judge(loss(x, &above), loss(x, &below), sum.second.value[place]);
    }
  return most;
}

}  // namespace vitro::testing
