// Losses of numbers: each a formula of elementwise ops, reduced.
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

Tensor reduce(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  return reduction == Reduction::kSum ? sum(losses) : mean(losses);
}

// f(x, target), of bfloat16 in float32: each of its ops would lose digits.
template <class F>
Tensor loss(std::string_view op, const Tensor& x, const Tensor& target, Reduction reduction, F f) {
  check_floating(op, x);
  check_floating(op, target);
  const bool is_narrow = x.dtype() == kBFloat16 && target.dtype() == kBFloat16;
  if (!is_narrow) return reduce(f(x, target), reduction);
  return to(reduce(f(to(x, kFloat32), to(target, kFloat32)), reduction), kBFloat16);
}

// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2
Tensor smooth_abs(const Tensor& d, double beta) {
  if (beta == 0) return abs(d);
  return where(lt(abs(d), beta), d * d * (0.5 / beta), abs(d) - 0.5 * beta);
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
  check<ValueError>(beta >= 0, "smooth_l1_loss: beta must be at least 0: got ", beta);
  return loss("smooth_l1_loss", x, target, options.reduction,
              [=](const Tensor& u, const Tensor& v) { return smooth_abs(u - v, beta); });
}

Tensor huber_loss(const Tensor& x, const Tensor& target, const HuberLossOptions& options) {
  const double delta = options.delta;
  check<ValueError>(delta > 0, "huber_loss: delta must be positive: got ", delta);
  return loss("huber_loss", x, target, options.reduction,
              [=](const Tensor& u, const Tensor& v) { return smooth_abs(u - v, delta) * delta; });
}

// -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x): nothing overflows or cancels.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BceOptions& options) {
  const auto weighted = [](const Tensor& x, const Tensor& weight) {
    return weight.defined() ? x * to(weight.detach(), x.dtype()) : x;
  };
  return loss("binary_cross_entropy_with_logits", logits, targets, options.reduction,
              [&](const Tensor& x, const Tensor& t) {
                const Tensor losses =
                    weighted(t * softplus(-x), options.pos_weight) + (1 - t) * softplus(x);
                return weighted(losses, options.weight);
              });
}

Tensor kl_div(const Tensor& log_probs, const Tensor& targets, const KlDivOptions& options) {
  return loss("kl_div", log_probs, targets, options.reduction,
              [&](const Tensor& x, const Tensor& t) {
                if (options.log_target) return exp(t) * (t - x);
                const Tensor one = full_scalar(1, t.dtype());
                return t * log(where(eq(t, 0), one, t)) - t * x;
              });
}

}  // namespace vitro
