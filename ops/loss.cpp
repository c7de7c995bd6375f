// Losses.  cross_entropy is fused: it keeps one number per row instead of a second copy of the
// logits.
#include <limits>

#include "framework/elementwise.h"
#include "framework/simd/rows.h"
#include "ops/ops.h"

namespace vitro {

namespace {

void check_targets(std::string_view op, const Tensor& x, const Tensor& targets,
                   int64_t ignore_index) {
  check_floating(op, x);
  check_defined(op, targets, "targets");
  check<DTypeError>(targets.dtype() == kInt64, op, ": targets must be int64 class indices: got ",
                    targets.dtype());
  Shape rows = x.shape();
  check<ShapeError>(x.rank() >= 1, op, ": logits must be (..., classes): got a scalar");
  rows.erase(x.rank() - 1);
  check<ShapeError>(targets.shape() == rows, op, ": targets must be ", rows, " for logits ",
                    x.shape(), ": got ", targets.shape());
  const int64_t classes = x.shape().back();
  Tensor t = contiguous(targets.detach());
  for (int64_t i = 0; i < t.numel(); ++i) {
    int64_t id = raw<int64_t>(t)[i];
    check<ShapeError>(id == ignore_index || (0 <= id && id < classes), op,
                      ": targets must be in [0, ", classes, ") or ", ignore_index, ": got ", id,
                      " at position ", i);
  }
}

// The losses of counted rows, reduced.  The mean of no rows is NaN, with a gradient of 0.
Tensor reduce(const Tensor& losses, const Tensor& counted, Reduction reduction) {
  Tensor kept = where(counted, losses, full_scalar(0, losses.dtype()));
  if (reduction == Reduction::kNone) return kept;
  Tensor total = sum(kept);
  if (reduction == Reduction::kSum) return total;
  double count = static_cast<double>(sum(counted).item<int64_t>());
  return count > 0 ? total / count : total + std::numeric_limits<double>::quiet_NaN();
}

// -x_target of each row, from log-probabilities (..., C)
Tensor negative_target(const Tensor& log_probs, const Tensor& targets, const Tensor& counted) {
  Tensor safe = where(counted, targets, full_scalar(0, kInt64));
  return -squeeze(gather(log_probs, -1, unsqueeze(safe, -1)), -1);
}

// loss = (1 - e) (-log p_target) + e mean_j(-log p_j), p = softmax(logits)
Tensor cross_entropy_definition(const Tensor& logits, const Tensor& targets,
                                const CrossEntropyOptions& options) {
  Tensor log_probs = log_softmax(logits, -1),
         counted = ne(targets, static_cast<double>(options.ignore_index));
  Tensor losses = negative_target(log_probs, targets, counted);
  const double e = options.label_smoothing;
  if (e != 0) losses = losses * (1 - e) - mean(log_probs, -1) * e;
  return reduce(losses, counted, options.reduction);
}

// dlogits_ij = g_i (p_ij - (1 - e) [j = target_i] - e / C), g_i = dy_i, or dy / count for the mean
struct CrossEntropy final : Op<CrossEntropy> {
  static constexpr std::string_view kName = "cross_entropy";
  CrossEntropyOptions options;
  int64_t count = 0;
  TensorList backward(const Tensor& dy) override {
    Tensor logits = input(0), targets = extra(0);
    if (grad_enabled() || logits.dtype() == kFloat64) {
      auto definition = [&](const std::vector<Tensor>& in) {
        return cross_entropy_definition(in[0], targets, options);
      };
      TensorList gradients = vjp(definition, {logits}, dy);
      gradients.push_back(Tensor());
      return gradients;
    }
    return {kernel(logits, targets, dy), Tensor()};
  }

  Tensor kernel(const Tensor& logits, const Tensor& targets, const Tensor& dy) const {
    Tensor wide = to(contiguous(logits), kFloat32), lse = extra(1),
           g = to(contiguous(dy), kFloat32), dx = empty(logits.shape(), kFloat32);
    const int64_t classes = logits.shape().back(), *id = raw<int64_t>(targets);
    const float *x = raw<float>(wide), *shift = raw<float>(lse), *gradient = raw<float>(g);
    const auto e = static_cast<float>(options.label_smoothing);
    const float scale =
        options.reduction == Reduction::kMean ? 1.0f / static_cast<float>(count) : 1.0f;
    float* y = raw<float>(dx);
    parallel_for(targets.numel(),
                 std::max<int64_t>(1, kCostlyGrain / std::max<int64_t>(1, classes)),
                 [=, this](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     float* row = y + i * classes;
                     if (id[i] == options.ignore_index) {
                       std::fill(row, row + classes, 0.0f);
                       continue;
                     }
                     float c = gradient[options.reduction == Reduction::kNone ? i : 0] * scale;
                     simd::scaled_exp(x + i * classes, shift[i], c,
                                      -c * e / static_cast<float>(classes), row, classes);
                     row[id[i]] -= c * (1 - e);
                   }
                 });
    return to(dx, logits.dtype());
  }
};

Tensor cross_entropy_kernel(const Tensor& logits, const Tensor& targets,
                            const CrossEntropyOptions& options, Tensor& lse, int64_t& count) {
  Tensor wide = to(contiguous(logits.detach()), kFloat32),
         losses = empty(targets.shape(), kFloat32);
  lse = empty(targets.shape(), kFloat32);
  const int64_t classes = logits.shape().back(), *id = raw<int64_t>(targets);
  const float* x = raw<float>(wide);
  float *loss = raw<float>(losses), *shift = raw<float>(lse);
  const double e = options.label_smoothing;
  parallel_for(targets.numel(), std::max<int64_t>(1, kCostlyGrain / std::max<int64_t>(1, classes)),
               [=, &options](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const float* row = x + i * classes;
                   bool counted = id[i] != options.ignore_index;
                   shift[i] = counted ? simd::logsumexp(row, classes) : 0;
                   loss[i] = counted ? static_cast<float>(shift[i] - (1 - e) * row[id[i]]) : 0;
                   if (counted && e != 0)
                     loss[i] -= static_cast<float>(e * simd::sum(row, classes) /
                                                   static_cast<double>(classes));
                 }
               });
  count = targets.numel() - std::count(id, id + targets.numel(), options.ignore_index);
  if (options.reduction == Reduction::kNone) return losses;
  double total = simd::sum(loss, losses.numel());
  return full({}, options.reduction == Reduction::kSum ? total : total / static_cast<double>(count),
              kFloat32);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options) {
  check_targets("cross_entropy", logits, targets, options.ignore_index);
  check<ValueError>(0 <= options.label_smoothing && options.label_smoothing <= 1,
                    "cross_entropy: label_smoothing must be in [0, 1]: got ",
                    options.label_smoothing);
  Tensor y, lse, ids = contiguous(targets.detach());
  int64_t count = 0;
  {
    NoGradGuard unrecorded;
    if (logits.dtype() == kFloat64) y = cross_entropy_definition(logits.detach(), ids, options);
    else y = to(cross_entropy_kernel(logits, ids, options, lse, count), logits.dtype());
  }
  if (auto* node = record<CrossEntropy>(y, logits, targets)) {
    node->options = options;
    node->count = count;
    node->save_input(0, logits);
    node->save_extra(0, ids);
    node->save_extra(1, lse);
  }
  return y;
}

Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NllLossOptions& options) {
  check_targets("nll_loss", log_probs, targets, options.ignore_index);
  Tensor counted = ne(targets, static_cast<double>(options.ignore_index));
  return reduce(negative_target(log_probs, targets, counted), counted, options.reduction);
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_floating("mse_loss", x);
  Tensor d = x - target;
  if (reduction == Reduction::kNone) return d * d;
  return reduction == Reduction::kSum ? sum(d * d) : mean(d * d);
}

}  // namespace vitro
