// What the losses of classes share.  Private to ops/.
#pragma once
#include "ops/ops.h"

namespace vitro {

// Of logits of this shape, (..., C): targets (...) of int64 classes or ignore_index, weight (C).
void check_targets(std::string_view op, const Shape& logits, const Tensor& targets,
                   const Tensor& weight, int64_t ignore_index);
void check_cross_entropy(std::string_view op, const Shape& logits, const Tensor& targets,
                         const CrossEntropyOptions& options);

int64_t count_targets(const Tensor& targets, int64_t ignore_index);  // without the ignored

// The reduction of float32 losses of which `count` count; the mean of none is NaN.
Tensor reduce_losses(const Tensor& losses, int64_t count, Reduction reduction);

// linear_cross_entropy with so many logits at a time: for tests of its tiles.
struct LogitsTile {
  int64_t rows, classes;
};
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options, const LogitsTile& tile);

}  // namespace vitro
