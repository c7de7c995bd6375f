// Helpers that cross_entropy, nll_loss and linear_cross_entropy share.  Private to ops/.
#pragma once
#include <algorithm>
#include <cmath>

#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

// Checks targets (...) and weight (C) for logits of the shape (..., C).  Targets are int64 classes
// or ignore_index.
void check_targets(std::string_view op, const Shape& logits, const Tensor& targets,
                   const Tensor& weight, int64_t ignore_index);
void check_cross_entropy(std::string_view op, const Shape& logits, const Tensor& targets,
                         const CrossEntropyOptions& options);

int64_t count_targets(const Tensor& targets, int64_t ignore_index);  // those not ignored

// Reduces float32 losses.  kMean divides by `count`, the number of rows that are not ignored; if
// `count` is 0, the mean is NaN.
Tensor reduce_losses(const Tensor& losses, int64_t count, Reduction reduction);

// Computes the gradient of cross_entropy row by row:
//   dlogits_ij = g_i (p_ij - (1 - e) [j = target_i] - e / C)
// g_i is dy_i for kNone, dy for kSum, dy / count for kMean.
class ClassGradient {
 public:
  ClassGradient(const CrossEntropyOptions& o, int64_t classes, int64_t count, const Tensor& dy)
      : dy_(raw<float>(dy)),
        scale_(o.reduction == Reduction::kMean ? 1.0f / static_cast<float>(count) : 1.0f),
        e_(static_cast<float>(o.label_smoothing)),
        classes_(static_cast<float>(classes)),
        ignored_(o.ignore_index),
        has_row_each_(o.reduction == Reduction::kNone) {}

  // Writes to dx the gradient of row i for the classes [begin, begin + n).  `id` is the row's
  // target, and `sum` covers all classes of the row.  `logits` and dx may be the same array.
  void operator()(int64_t i, int64_t id, const simd::ExpSum& sum, const float* logits, float* dx,
                  int64_t begin, int64_t n) const {
    if (id == ignored_) return void(std::fill_n(dx, n, 0.0f));
    const float g = dy_[has_row_each_ ? i : 0] * scale_;
    simd::scaled_exp(logits, sum.high, g / sum.total, -g * e_ / classes_, dx, n);
    if (begin <= id && id < begin + n) dx[id - begin] -= g * (1 - e_);
  }

 private:
  const float* dy_;
  float scale_, e_, classes_;
  int64_t ignored_;
  bool has_row_each_;
};

// A float32 tensor (rows, 2) as one ExpSum per row; backward needs the sums.
inline simd::ExpSum* exp_sums(const Tensor& x) {
  static_assert(sizeof(simd::ExpSum) == 2 * sizeof(float));
  return reinterpret_cast<simd::ExpSum*>(raw<float>(x));
}

// The loss of a row: (1 - e) (high - x_target) + e mean_j(high - x_j) + log(total), with
// logit = x_target and below = sum_j (x_j - high).  `below` is not read if e is 0.
inline float class_loss(double high, double total, double logit, double below, int64_t classes,
                        double e) {
  const auto log_total = static_cast<double>(std::log(static_cast<float>(total)));
  double loss = log_total + (e < 1 ? (1 - e) * (high - logit) : 0);
  if (e != 0) loss -= e * below / static_cast<double>(classes);
  return static_cast<float>(loss);
}

// The size of the block of logits that linear_cross_entropy computes at a time.  Tests pass small
// sizes.
struct LogitsTile {
  int64_t rows, classes;
};
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options, const LogitsTile& tile);

}  // namespace vitro
