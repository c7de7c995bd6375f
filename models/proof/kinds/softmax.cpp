// Softmax by hand.
#include "models/proof/kinds/softmax.h"

#include <algorithm>
#include <limits>

#include "models/layers/layers.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

// Calls f(row, places) for each row of x along the axis; places are the row's places in x.
template <class F>
void for_lines(const Shape& shape, int64_t axis, F f) {
  if (shape.rank() == 0) return f(std::vector<size_t>{0});
  const auto at = static_cast<int>(axis < 0 ? axis + shape.rank() : axis);
  size_t inner = 1, count = 1;
  for (int i = at + 1; i < shape.rank(); ++i) inner *= static_cast<size_t>(shape[i]);
  for (int i = 0; i < at; ++i) count *= static_cast<size_t>(shape[i]);
  std::vector<size_t> places(static_cast<size_t>(shape[at]));
  for (size_t outer = 0; outer < count; ++outer)
    for (size_t i = 0; i < inner; ++i) {
      for (size_t j = 0; j < places.size(); ++j)
        places[j] = (outer * places.size() + j) * inner + i;
      f(places);
    }
}

std::vector<Sized> line_of(const Array& x, const std::vector<size_t>& places) {
  std::vector<Sized> line;
  for (size_t place : places) line.push_back(at(x, place));
  return line;
}

Array softmax_forward(nn::Softmax& m, Hand&, const Array& x) {
  std::vector<Sized> y = sized_zeros(x.shape);
  double terms = 1;
  for_lines(x.shape, m.axis, [&](const std::vector<size_t>& places) {
    std::vector<Sized> line = line_of(x, places);
    softmax_by_hand(line);
    for (size_t j = 0; j < places.size(); ++j) y[places[j]] = line[j];
    terms = static_cast<double>(places.size());
  });
  return array_of(x.shape, y, terms);
}

Array softmax_backward(nn::Softmax& m, Hand&, const Array& x, const Array& dy) {
  std::vector<Sized> dx = sized_zeros(x.shape);
  double terms = 1;
  for_lines(x.shape, m.axis, [&](const std::vector<size_t>& places) {
    std::vector<Sized> y = line_of(x, places), d = line_of(dy, places);
    softmax_by_hand(y);
    for (Sized& number : y) number = rounded(number);  // the model computes dx from its own y
    softmax_gradient(y, d);
    for (size_t j = 0; j < places.size(); ++j) dx[places[j]] = d[j];
    terms = static_cast<double>(places.size());
  });
  return array_of(x.shape, dx, terms);
}

}  // namespace

void softmax_by_hand(std::span<Sized> x) {
  double high = -std::numeric_limits<double>::infinity();
  for (const Sized& number : x) high = std::max(high, number.value);
  Sized total;
  for (Sized& number : x) {
    const bool is_hidden = number.value < high && std::isinf(number.value);
    number = is_hidden ? Sized() : exp({number.value - high, number.size, number.stored});
    total += number;
  }
  const Sized share = inverse(total);
  for (Sized& number : x) number = number * share;
}

void softmax_gradient(std::span<const Sized> y, std::span<Sized> dy) {
  Sized along;
  for (size_t i = 0; i < y.size(); ++i) along += y[i] * dy[i];
  for (size_t i = 0; i < y.size(); ++i) dy[i] = y[i] * (dy[i] - along);
}

Kind softmax_kind() {
  return kind<nn::Softmax>("y_i = exp(x_i) / sum_j exp(x_j)", softmax_forward, softmax_backward);
}

}  // namespace vitro::proof
