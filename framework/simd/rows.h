// Kernels over one contiguous row of float32: sums, softmax and related functions.
#pragma once
#include <cstdint>

#include "framework/simd/elementwise.h"

namespace vitro::simd {

double sum(const float* x, int64_t n);
float dot(const float* a, const float* b, int64_t n);
double sum_of_deviations(const float* x, int64_t n, float from);  // sum_j (x_j - from)
// sum_j (x_j - from - mean)^2
double sum_of_squares(const float* x, int64_t n, float from, float mean);

// y_j = sum_i x_ij, plus y_j if `accumulate`, over `rows` rows of `cols` numbers, `stride` apart.
void sum_rows(const float* x, int64_t rows, int64_t cols, int64_t stride, float* y,
              bool accumulate);

float logsumexp(const float* x, int64_t n);
// sum_j e^x_j = total e^high, where high = max x.  The two numbers are kept apart because the sum
// log(total) + high would lose digits when the logits are far from 0.
struct ExpSum {
  float high, total;
};
ExpSum exp_sum(const float* x, int64_t n);
double sum_from(const float* x, float from, int64_t n);  // sum_j (x_j - from), without overflow
void softmax(const float* x, float* y, int64_t n);
void log_softmax(const float* x, float* y, int64_t n);
// dx = y (dy - sum(y dy)) with y = softmax(x)
void softmax_backward(const float* y, const float* dy, float* dx, int64_t n);
// dx = dy - e^y sum(dy) with y = log_softmax(x)
void log_softmax_backward(const float* y, const float* dy, float* dx, int64_t n);
// y = scale e^(x - shift) + offset
void scaled_exp(const float* x, float shift, float scale, float offset, float* y, int64_t n);

}  // namespace vitro::simd
