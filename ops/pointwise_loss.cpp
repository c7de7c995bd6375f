// Pointwise losses.  Each is a formula of elementwise ops, followed by a reduction.
#include <cfloat>
#include <cmath>

#include "ops/elementwise.h"

namespace vitro {

namespace {

Tensor reduce(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  return reduction == Reduction::kSum ? sum(losses) : mean(losses);
}

// Reduces f(x, target).  bfloat16 is computed in float32, because each op of f would round.
template <class F>
Tensor loss(std::string_view op, const Tensor& x, const Tensor& target, Reduction reduction, F f) {
  check_floating(op, x);
  check_floating(op, target);
  check<ShapeError>(x.shape() == target.shape(), op, ": expected a target of the shape ", x.shape(),
                    ", got ", target.shape(), "; squeeze, unsqueeze or expand one of the two");
  const bool is_narrow = x.dtype() == kBFloat16 && target.dtype() == kBFloat16;
  if (!is_narrow) return reduce(f(x, target), reduction);
  return to(reduce(f(to(x, kFloat32), to(target, kFloat32)), reduction), kBFloat16);
}

// d^2 / 2 where |d| < delta, else delta (|d| - delta / 2).  Both equal c (d - c / 2), where c is d
// clamped to [-delta, delta].  Only c is squared, so that the slope at an infinite d is delta.
Tensor huber(const Tensor& d, double delta) {
  const Tensor c = clamp(d, -delta, delta);
  return c * (d - c * 0.5);
}

// huber(d, beta) / beta.  A beta below FLT_MIN counts as 0; the limit at 0 is |d|.
Tensor smooth_abs(const Tensor& d, double beta) {
  if (beta < FLT_MIN) return abs(d);
  const Tensor c = clamp(d, -beta, beta);
  return c / beta * (d - c * 0.5);
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  return loss("mse_loss", x, target, reduction, [](const Tensor& u, const Tensor& v) {
    const Tensor d = u - v;
    return d * d;
  });
}

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  return loss("l1_loss", x, target, reduction,
              [](const Tensor& u, const Tensor& v) { return abs(u - v); });
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, const SmoothL1LossOptions& options) {
  const double beta = options.beta;
  check<ValueError>(beta >= 0, "smooth_l1_loss: expected a beta of at least 0, got ", beta);
  return loss("smooth_l1_loss", x, target, options.reduction,
              [=](const Tensor& u, const Tensor& v) { return smooth_abs(u - v, beta); });
}

Tensor huber_loss(const Tensor& x, const Tensor& target, const HuberLossOptions& options) {
  const double delta = options.delta;
  check<ValueError>(delta > 0, "huber_loss: expected a positive delta, got ", delta);
  return loss("huber_loss", x, target, options.reduction,
              [=](const Tensor& u, const Tensor& v) { return huber(u - v, delta); });
}

// -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x), which do not overflow or cancel.  A
// loss with weight 0 counts as 0, even if it is infinite.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BceOptions& options) {
  const auto weighted = [](const Tensor& x, const Tensor& weight) {
    return weight.defined() ? mul_or_zero(x, to(weight.detach(), x.dtype())) : x;
  };
  return loss("binary_cross_entropy_with_logits", logits, targets, options.reduction,
              [&](const Tensor& x, const Tensor& t) {
                const Tensor losses = weighted(mul_or_zero(softplus(-x), t), options.pos_weight) +
                                      mul_or_zero(softplus(x), 1 - t);
                return weighted(losses, options.weight);
              });
}

Tensor kl_div(const Tensor& log_probs, const Tensor& targets, const KlDivOptions& options) {
  return loss("kl_div", log_probs, targets, options.reduction,
              [&](const Tensor& x, const Tensor& t) {
                if (!options.log_target)
                  return mul_or_zero(log(masked_fill(t, eq(t, 0), 1)) - x, t);
                const Tensor is_zero = eq(t, -HUGE_VAL), log_t = masked_fill(t, is_zero, 0);
                return mul_or_zero(log_t - x, masked_fill(exp(log_t), is_zero, 0));
              });
}

}  // namespace vitro
