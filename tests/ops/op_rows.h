// Helpers for the rows of the op table: inputs, loops for references, and one function per family
// of ops that adds the rows of the family.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "framework/tensor/random.h"
#include "tests/ops/op_table.h"

namespace vitro::tests {

using Rows = std::vector<Row>;

// --- families; each is in op_rows_<family>.cpp ---

void add_unaries(Rows& rows);
void add_binaries(Rows& rows);
void add_reductions(Rows& rows);
void add_views(Rows& rows);
void add_joins(Rows& rows);
void add_products(Rows& rows);
void add_softmaxes(Rows& rows);
void add_norms(Rows& rows);
void add_masks(Rows& rows);
void add_attention(Rows& rows);
void add_indexing(Rows& rows);
void add_class_losses(Rows& rows);
void add_pointwise_losses(Rows& rows);
void add_random(Rows& rows);

// Adds a row for a function of several ops, which computes bfloat16 in float32.
void add_with_narrow(Rows& rows, Row row);

// --- inputs ---

inline Input any(const Shape& shape) { return {shape}; }
inline Input small(const Shape& shape) { return {shape, Domain::kSmall}; }
inline Input positive(const Shape& shape) { return {shape, Domain::kPositive}; }
inline Input distinct(const Shape& shape) { return {shape, Domain::kDistinct}; }
inline Input ids(const Shape& shape, int64_t limit) { return {shape, Domain::kIds, limit}; }
inline Input flags(const Shape& shape) { return {shape, Domain::kBool}; }

inline const std::vector<Shape> kUnaryShapes = {{2, 3}, {}, {1}, {0, 3}, {2, 1, 4}, {5, 17}};

std::string text(const Shape& shape);

// --- loops ---

int64_t count(const Shape& shape);

// The array of f(place) at each place.
template <class F>
Array generate(const Shape& shape, F f) {
  Array y{shape, {}};
  for (int64_t k = 0; k < count(shape); ++k) {
    Place at(static_cast<size_t>(shape.rank()));
    int64_t rest = k;
    for (int axis = shape.rank(); axis-- > 0; rest /= shape[axis])
      at[static_cast<size_t>(axis)] = rest % shape[axis];
    y.values.push_back(f(at));
  }
  return y;
}

// The element of x that broadcasting reads for the place `at` of the result.
double spread(const Array& x, const Place& at);
Shape spread_shape(const Shape& a, const Shape& b);

template <class F>
auto map(F f) {
  return [f](const Arrays& x) {
    return generate(x[0].shape, [&](const Place& at) { return f(x[0](at)); });
  };
}
template <class F>
auto map2(F f) {
  return [f](const Arrays& x) {
    const Array &a = x.front(), &b = x.back();
    return generate(spread_shape(a.shape, b.shape),
                    [&](const Place& at) { return f(spread(a, at), spread(b, at)); });
  };
}

using Line = std::vector<double>;
// x with every line along an axis replaced by f(line), which may have another length.
Array along(const Array& x, int64_t axis, const std::function<Line(const Line&)>& f);
Array reshaped(Array x, const Shape& shape);
Array without_axis(const Array& x, int64_t axis);
Array permuted(const Array& x, const Place& axes);
// c_ij = sum_k a_ik b_kj over the last two axes; leading axes broadcast; a vector is a row or
// column.
Array product(const Array& a, const Array& b);

double total(const Line& x);
double average(const Line& x);
double variance(const Line& x, int64_t correction);
double largest(const Line& x);
double smallest(const Line& x);
double place_of(const Line& x, double value);
double log_sum_exp(const Line& x);
Line softmax_of(const Line& x);
Line log_softmax_of(const Line& x);

double logistic(double v);
double gelu_of(double v);
double gelu_tanh_of(double v);
double silu_of(double v);
double positive_part(double v);

// --- reductions of losses ---

constexpr std::pair<Reduction, const char*> kReductions[] = {
    {Reduction::kMean, "mean"}, {Reduction::kSum, "sum"}, {Reduction::kNone, "none"}};

// The weights of the classes: 0.5, 0.75, ... if weighted, else all 1.
Line class_weights(int64_t classes, bool weighted);
// Computes one loss per row of log-probabilities (..., C) and targets (...), and reduces the losses
// of the rows that count.
Array class_loss(const Array& log_probs, const Array& targets, const Line& weights, int64_t ignored,
                 double smoothing, Reduction reduction);

}  // namespace vitro::tests
