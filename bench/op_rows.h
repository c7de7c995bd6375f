// Helpers for the rows of bench_ops: ways to call an op, and sizes.
#pragma once
#include <string>

#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

// Each function registers the rows of one family of ops; bench_ops.cpp calls all of them.
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

// Calls f(xs...) in a NoGradGuard.
template <class F, class... X>
auto unrecorded(F f, X... xs) {
  return [=] {
    NoGradGuard guard;
    f(xs...);
  };
}

// Runs only the backward of y = f(x); the graph is kept.
template <class F>
auto backward_of(F f, Tensor x) {
  x.requires_grad_();
  Tensor y = f(x);
  return [=, dy = ones(y.shape(), y.dtype())] {
    grad({y}, {x}, {.grad_outputs = {dy}, .retain_graph = true});
  };
}

// Calls f a hundred times, because one call is too short for the clock.
template <class F>
auto hundred(F f) {
  return [=] {
    NoGradGuard guard;
    for (int i = 0; i < 100; ++i) f();
  };
}

}  // namespace vitro::bench
