// cross_entropy and nll_loss.  Without class weights cross_entropy is fused: it saves two numbers
// per row instead of a second copy of the logits.
#include <limits>

#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "ops/class_loss.h"
#include "ops/elementwise.h"
#include "ops/fused.h"
#include "ops/rows.h"

namespace vitro {

void check_targets(std::string_view op, const Shape& logits, const Tensor& targets,
                   const Tensor& weight, int64_t ignore_index) {
  check_defined(op, targets, "targets");
  check<DTypeError>(targets.dtype() == kInt64, op,
                    ": expected int64 class indices as targets, got ", targets.dtype(),
                    "; convert with to(kInt64), class probabilities are not supported");
  Shape rows = logits;
  check<ShapeError>(rows.rank() >= 1, op, ": expected logits (..., classes), got a scalar");
  rows.erase(rows.rank() - 1);
  check<ShapeError>(targets.shape() == rows, op, ": expected targets ", rows, " for logits ",
                    logits, ", got ", targets.shape(),
                    "; the last axis of the logits has the classes");
  const int64_t classes = logits.back();
  Tensor t = contiguous(targets.detach());
  for (int64_t i = 0; i < t.numel(); ++i) {
    int64_t id = raw<int64_t>(t)[i];
    check<ShapeError>(id == ignore_index || (0 <= id && id < classes), op,
                      ": expected targets in [0, ", classes, ") or ", ignore_index, ", got ", id,
                      " at position ", i);
  }
  if (!weight.defined()) return;
  check_floating(op, weight);
  check<ShapeError>(weight.shape() == Shape{classes}, op, ": expected a weight ", Shape{classes},
                    " for logits ", logits, ", got ", weight.shape());
}

void check_cross_entropy(std::string_view op, const Shape& logits, const Tensor& targets,
                         const CrossEntropyOptions& options) {
  check_targets(op, logits, targets, options.weight, options.ignore_index);
  check<ValueError>(0 <= options.label_smoothing && options.label_smoothing <= 1, op,
                    ": expected a label_smoothing in [0, 1], got ", options.label_smoothing);
}

int64_t count_targets(const Tensor& targets, int64_t ignore_index) {
  const int64_t* id = raw<int64_t>(targets);
  return targets.numel() - std::count(id, id + targets.numel(), ignore_index);
}

Tensor reduce_losses(const Tensor& losses, int64_t count, Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  const double total = simd::sum(raw<float>(losses), losses.numel());
  return full({}, reduction == Reduction::kSum ? total : total / static_cast<double>(count),
              kFloat32);
}

namespace {

// The targets of all rows.  A row counts if its target is not ignore_index.
class Targets {
 public:
  Targets(const Tensor& ids, int64_t ignore_index)
      : counted_(ne(ids, ignore_index)),
        ids_(where(counted_, ids, full_scalar(0, kInt64))),
        count_(sum(counted_).item<int64_t>()) {}

  // x (..., C) with zeros in the rows that do not count, so that infinities there do not make a
  // gradient NaN.
  Tensor kept(const Tensor& x) const {
    if (count_ == ids_.numel()) return x;
    return where(unsqueeze(counted_, -1), x, full_scalar(0, x.dtype()));
  }

  // x_target of x (..., C)
  Tensor of(const Tensor& x) const { return squeeze(gather(x, -1, unsqueeze(ids_, -1)), -1); }
  // w_target of w (C)
  Tensor of_class(const Tensor& w) const {
    return reshape(index_select(w, 0, flatten(ids_)), ids_.shape());
  }
  // Reduces the losses of the rows that count.  The mean divides by the sum of their `weights`, or
  // by their number if undefined.  The mean of no rows is NaN, and its gradient is 0.
  Tensor reduce(const Tensor& losses, const Tensor& weights, Reduction reduction) const {
    const Tensor zero = full_scalar(0, losses.dtype()), kept = where(counted_, losses, zero);
    if (reduction == Reduction::kNone) return kept;
    const Tensor total = sum(kept);
    if (reduction == Reduction::kSum) return total;
    if (count_ == 0) return total + std::numeric_limits<double>::quiet_NaN();
    return total / (weights.defined() ? sum(where(counted_, weights, zero)).item()
                                      : static_cast<double>(count_));
  }

 private:
  Tensor counted_, ids_;  // bool; int64, with 0 where a row does not count
  int64_t count_;
};

// loss = (1 - e) (-w_target log p_target) + e mean_c(-w_c log p_c) with p = softmax(logits)
Tensor cross_entropy_definition(const Tensor& logits, const Tensor& ids,
                                const CrossEntropyOptions& options) {
  const double e = options.label_smoothing;
  Targets targets(ids, options.ignore_index);
  const Tensor log_probs = log_softmax(targets.kept(logits), -1);
  Tensor losses = -targets.of(log_probs), weights, part = full_scalar(e, logits.dtype());
  part = part / static_cast<double>(logits.shape().back());
  if (options.weight.defined()) {
    const Tensor w = to(options.weight.detach(), logits.dtype());
    weights = targets.of_class(w);
    losses = mul_or_zero(losses, weights);
    part = part * w;
  }
  if (e != 0)
    losses = mul_or_zero(losses, full_scalar(1 - e, logits.dtype())) -
             sum(mul_or_zero(log_probs, expand(part, {logits.shape().back()})), -1);
  return targets.reduce(losses, weights, options.reduction);
}

struct CrossEntropy final : Fused<CrossEntropy> {
  static constexpr std::string_view kName = "cross_entropy";
  CrossEntropyOptions options;
  int64_t count = 0;
  std::vector<Tensor> values() const { return {input(0)}; }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return cross_entropy_definition(xs[0], extra(0), options);
  }
  TensorList kernel_backward(const Tensor& dy) const {
    const Tensor logits = input(0), targets = extra(0);
    Tensor wide = to(contiguous(logits), kFloat32), sums = extra(1),
           g = to(contiguous(dy), kFloat32), dx = empty(logits.shape(), kFloat32);
    const int64_t classes = logits.shape().back(), *id = raw<int64_t>(targets);
    const float* x = raw<float>(wide);
    const simd::ExpSum* row_sum = exp_sums(sums);
    float* y = raw<float>(dx);
    const ClassGradient gradient(options, classes, count, g);
    for_rows(targets.numel(), classes, [=](int64_t i) {
      gradient(i, id[i], row_sum[i], x + i * classes, y + i * classes, 0, classes);
    });
    return {to(dx, logits.dtype()), Tensor()};
  }
};

Tensor cross_entropy_kernel(const Tensor& logits, const Tensor& targets,
                            const CrossEntropyOptions& options, int64_t count, Tensor& sums) {
  Tensor wide = to(contiguous(logits.detach()), kFloat32),
         losses = empty(targets.shape(), kFloat32);
  sums = empty({targets.numel(), 2}, kFloat32);
  const int64_t classes = logits.shape().back(), *id = raw<int64_t>(targets);
  const float* x = raw<float>(wide);
  float* loss = raw<float>(losses);
  simd::ExpSum* row_sum = exp_sums(sums);
  const double e = options.label_smoothing;
  for_rows(targets.numel(), classes, [=, &options](int64_t i) {
    const float* row = x + i * classes;
    loss[i] = 0, row_sum[i] = {0, 1};
    if (id[i] == options.ignore_index) return;
    const simd::ExpSum s = row_sum[i] = simd::exp_sum(row, classes);
    const double below = e == 0 ? 0 : simd::sum_from(row, s.high, classes);
    loss[i] = class_loss(s.high, s.total, row[id[i]], below, classes, e);
  });
  return reduce_losses(losses, count, options.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options) {
  check_floating("cross_entropy", logits);
  check_cross_entropy("cross_entropy", logits.shape(), targets, options);
  if (options.weight.defined()) {
    const Tensor x = to(logits, accumulation_dtype(logits.dtype()));
    return to(cross_entropy_definition(x, targets.detach(), options), logits.dtype());
  }
  Tensor sums;
  const Tensor ids = contiguous(targets.detach());
  const int64_t count = count_targets(ids, options.ignore_index);
  const Tensor y = fused_value(
      logits.dtype(), [&] { return cross_entropy_definition(logits.detach(), ids, options); },
      [&] { return to(cross_entropy_kernel(logits, ids, options, count, sums), logits.dtype()); });
  if (auto* node = record<CrossEntropy>(y, logits, targets)) {
    node->options = options;
    node->count = count;
    node->save_input(0, logits);
    node->save_extra(0, ids);
    node->save_extra(1, sums);
  }
  return y;
}

Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NllLossOptions& options) {
  check_floating("nll_loss", log_probs);
  check_targets("nll_loss", log_probs.shape(), targets, options.weight, options.ignore_index);
  const Targets rows(targets, options.ignore_index);
  if (!options.weight.defined())
    return rows.reduce(-rows.of(log_probs), Tensor(), options.reduction);
  const Tensor x = to(log_probs, accumulation_dtype(log_probs.dtype())),
               weights = rows.of_class(to(options.weight.detach(), x.dtype()));
  return to(rows.reduce(mul_or_zero(-rows.of(x), weights), weights, options.reduction),
            log_probs.dtype());
}

}  // namespace vitro
