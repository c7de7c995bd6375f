// Linear by hand.
//
// Each product is computed up to three times: with the numbers, with their sizes, and with the
// squares of the rounded intermediate results.
#include "models/proof/kinds/linear.h"

#include <algorithm>

#include "framework/base/parallel.h"
#include "models/layers/layers.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

using Column = std::vector<double>;
enum class Part { kNumbers, kSizes, kSquares };

double part_of(double x, Part part) {
  return part == Part::kNumbers ? x : part == Part::kSizes ? std::abs(x) : x * x;
}
// The numbers of x that a product takes for this part.
Column part_of(const Array& x, Part part) {
  if (part == Part::kNumbers) return x.value;
  Column all(x.value.size());
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = part == Part::kSizes ? x.size_at(i) : x.stored_at(i) * x.stored_at(i);
  return all;
}
void read_part(const Rows& weight, int64_t row, Part part, double* to) {
  weight.read(row, to);
  if (part == Part::kNumbers) return;
  for (int64_t i = 0; i < weight.width(); ++i) to[i] = part_of(to[i], part);
}

// (rows, cols) -> (cols, rows)
Column transpose_of(const Column& x, int64_t rows, int64_t cols) {
  Column y(x.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) y[c * rows + r] = x[r * cols + c];
  return y;
}

constexpr int64_t kGrain = 100'000;  // products that are worth another thread

// y (rows, out) = x (rows, in) W^T.  Each row of W is read once, for all rows of x.
Column times_transpose(const Column& x, int64_t rows, const Rows& weight, Part part) {
  const int64_t in = weight.width(), out = weight.count();
  const Column columns = transpose_of(x, rows, in);
  Column y(static_cast<size_t>(out * rows));
  parallel_for(out, grain_of(kGrain, rows * in), [&](int64_t begin, int64_t end) {
    Column w(static_cast<size_t>(in));
    for (int64_t o = begin; o < end; ++o) {
      read_part(weight, o, part, w.data());
      double* sum = y.data() + o * rows;
      for (int64_t i = 0; i < in; ++i)
        for (int64_t t = 0; t < rows; ++t) sum[t] += columns[i * rows + t] * w[i];
    }
  });
  return transpose_of(y, out, rows);
}

// dx (rows, in) = dy (rows, out) W, over `count` columns of dy from `first` on.
Column times(const Column& dy, int64_t rows, const Rows& weight, int64_t first, int64_t count,
             Part part) {
  const int64_t in = weight.width(), out = weight.count();
  Column dx(static_cast<size_t>(rows * in));
  parallel_for(rows, grain_of(kGrain, count * in), [&](int64_t begin, int64_t end) {
    Column w(static_cast<size_t>(in));
    for (int64_t o = first; o < first + count; ++o) {
      read_part(weight, o, part, w.data());
      for (int64_t t = begin; t < end; ++t)
        for (int64_t i = 0; i < in; ++i) dx[t * in + i] += dy[t * out + o] * w[i];
    }
  });
  return dx;
}

// dW (out, in) = dy^T x
Column transpose_times(const Column& dy, const Column& x, int64_t rows, int64_t out, int64_t in) {
  Column dw(static_cast<size_t>(out * in));
  parallel_for(out, grain_of(kGrain, rows * in), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      for (int64_t t = 0; t < rows; ++t)
        for (int64_t i = 0; i < in; ++i) dw[o * in + i] += dy[t * out + o] * x[t * in + i];
  });
  return dw;
}

// Fills the parts of y that are wanted by part(which).
template <class F>
Array in_parts(const Shape& shape, double terms, bool wants_size, bool stores, F part) {
  Array y{.shape = shape, .value = part(Part::kNumbers), .terms = terms};
  if (!wants_size) return y;
  y.size = part(Part::kSizes);
  if (!stores) return y;
  y.stored = part(Part::kSquares);
  for (double& square : y.stored) square = std::sqrt(square);
  return y;
}

Shape with_width(Shape shape, int64_t width) {
  shape.erase(shape.rank() - 1);
  shape.push_back(width);
  return shape;
}

Array linear_forward(nn::Linear& m, Hand& hand, const Array& x) {
  return linear_by_hand(x, hand.rows(m.weight), hand.numbers(m.bias), hand.wants_size());
}

Array linear_backward(nn::Linear& m, Hand& hand, const Array& x, const Array& dy) {
  const bool sizes = hand.wants_size();
  hand.gradient(m.weight, linear_weight_gradient(dy, x, sizes));
  if (m.bias.defined()) hand.gradient(m.bias, linear_bias_gradient(dy, sizes));
  const Rows weight = hand.rows(m.weight);
  return linear_input_gradient(dy, weight, 0, weight.count(), sizes);
}

}  // namespace

Array linear_by_hand(const Array& x, const Rows& weight, const std::vector<double>& bias,
                     bool wants_size) {
  const int64_t in = weight.width(), out = weight.count();
  return in_parts(with_width(x.shape, out), static_cast<double>(in) + 1, wants_size,
                  !x.stored.empty(), [&](Part part) {
                    Column y = times_transpose(part_of(x, part), x.rows(), weight, part);
                    if (part == Part::kSquares || bias.empty()) return y;
                    for (size_t i = 0; i < y.size(); ++i)
                      y[i] += part_of(bias[i % bias.size()], part);
                    return y;
                  });
}

Array linear_input_gradient(const Array& dy, const Rows& weight, int64_t first, int64_t count,
                            bool wants_size) {
  return in_parts(
      with_width(dy.shape, weight.width()), std::max(static_cast<double>(count), dy.terms),
      wants_size, !dy.stored.empty(),
      [&](Part part) { return times(part_of(dy, part), dy.rows(), weight, first, count, part); });
}

Array linear_weight_gradient(const Array& dy, const Array& x, bool wants_size) {
  const int64_t rows = dy.rows(), out = dy.width(), in = x.width();
  return in_parts({out, in}, std::max(static_cast<double>(rows), dy.terms), wants_size,
                  !dy.stored.empty(), [&](Part part) {
                    Column of_x = part_of(x, Part::kNumbers);
                    for (double& number : of_x) number = part_of(number, part);
                    return transpose_times(part_of(dy, part), of_x, rows, out, in);
                  });
}

Array linear_bias_gradient(const Array& dy, bool wants_size) {
  const size_t out = static_cast<size_t>(dy.width());
  return in_parts({dy.width()}, std::max(static_cast<double>(dy.rows()), dy.terms), wants_size,
                  !dy.stored.empty(), [&](Part part) {
                    const Column of_dy = part_of(dy, part);
                    Column db(out);
                    for (size_t i = 0; i < of_dy.size(); ++i) db[i % out] += of_dy[i];
                    return db;
                  });
}

Kind linear_kind() { return kind<nn::Linear>("y = x W^T + b", linear_forward, linear_backward); }

}  // namespace vitro::proof
