// What the op rows share: their families, ways to call an op, and sizes.
#pragma once
#include <string>

#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

// The families: bench_ops.cpp registers all of them.
void elementwise_rows();
void activation_rows();
void softmax_rows();
void reduction_rows();
void view_rows();
void indexing_rows();
void product_rows();
void random_rows();

struct Length {
  const char* name;
  int64_t n;
};
inline constexpr Length kLengths[] = {{"1K", 1 << 10}, {"64K", 1 << 16}, {"1M", 1 << 20}};

// The bytes of n float32 numbers.
inline double floats(int64_t n) { return 4.0 * static_cast<double>(n); }

// f(xs...) without record.
template <class F, class... X>
auto unrecorded(F f, X... xs) {
  return [=] {
    NoGradGuard guard;
    f(xs...);
  };
}

// The backward of y = f(x) alone, over a graph that is kept.
template <class F>
auto backward_of(F f, Tensor x) {
  x.requires_grad_();
  Tensor y = f(x);
  return [=, dy = ones(y.shape(), y.dtype())] {
    grad({y}, {x}, {.grad_outputs = {dy}, .retain_graph = true});
  };
}

// Something too short for the clock, a hundred times.
template <class F>
auto hundred(F f) {
  return [=] {
    NoGradGuard guard;
    for (int i = 0; i < 100; ++i) f();
  };
}

}  // namespace vitro::bench
