// Implements the loops from which the references of the op table are built.
#include "tests/ops/op_rows.h"

#include <sstream>

namespace vitro::tests {

void add_with_narrow(Rows& rows, Row row) {
  row.options.dtypes = {kFloat64, kFloat32};
  rows.push_back(row);
  row.op = "to";
  row.variant += ", bfloat16";
  row.options.dtypes = {kBFloat16};
  rows.push_back(row);
}

std::string text(const Shape& shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

int64_t count(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

double spread(const Array& x, const Place& at) {
  Place own(at.end() - x.shape.rank(), at.end());
  for (int i = 0; i < x.shape.rank(); ++i)
    if (x.shape[i] == 1) own[static_cast<size_t>(i)] = 0;
  return x(own);
}
Shape spread_shape(const Shape& a, const Shape& b) {
  Shape out = a.rank() >= b.rank() ? a : b;
  const Shape& other = a.rank() >= b.rank() ? b : a;
  for (int i = 0; i < other.rank(); ++i) {
    int64_t& size = out[out.rank() - other.rank() + i];
    if (size == 1) size = other[i];
  }
  return out;
}

Array along(const Array& x, int64_t axis, const std::function<Line(const Line&)>& f) {
  const int at = static_cast<int>(axis < 0 ? axis + x.shape.rank() : axis);
  const auto n = static_cast<size_t>(x.shape[at]);
  Shape shape = x.shape;
  shape[at] = static_cast<int64_t>(f(Line(n, 0.5)).size());
  return generate(shape, [&](Place place) {
    auto j = static_cast<size_t>(place[static_cast<size_t>(at)]);
    Line line;
    for (size_t i = 0; i < n; ++i) {
      place[static_cast<size_t>(at)] = static_cast<int64_t>(i);
      line.push_back(x(place));
    }
    return f(line)[j];
  });
}
Array reshaped(Array x, const Shape& shape) {
  x.shape = shape;
  return x;
}
Array without_axis(const Array& x, int64_t axis) {
  Shape shape = x.shape;
  shape.erase(static_cast<int>(axis < 0 ? axis + shape.rank() : axis));
  return reshaped(x, shape);
}
Array permuted(const Array& x, const Place& axes) {
  Shape shape = x.shape;
  for (size_t i = 0; i < axes.size(); ++i)
    shape[static_cast<int>(i)] = x.shape[static_cast<int>(axes[i])];
  return generate(shape, [&](const Place& at) {
    Place from(at.size());
    for (size_t i = 0; i < axes.size(); ++i) from[static_cast<size_t>(axes[i])] = at[i];
    return x(from);
  });
}

Array product(const Array& a, const Array& b) {
  const int ra = a.shape.rank(), rb = b.shape.rank();
  if (ra == 1) return without_axis(product(reshaped(a, {1, a.shape[0]}), b), rb == 1 ? 0 : -2);
  if (rb == 1) return without_axis(product(a, reshaped(b, {b.shape[0], 1})), -1);
  Shape shape = spread_shape(Shape(std::span(a.shape.begin(), static_cast<size_t>(ra - 2))),
                             Shape(std::span(b.shape.begin(), static_cast<size_t>(rb - 2))));
  shape.push_back(a.shape[ra - 2]);
  shape.push_back(b.shape[rb - 1]);
  return generate(shape, [&](const Place& at) {
    Place left = at, right = at;
    double sum = 0;
    for (int64_t k = 0; k < a.shape[ra - 1]; ++k) {
      left[left.size() - 1] = k;
      right[right.size() - 2] = k;
      // `spread` also broadcasts the last two axes.  This changes nothing: an axis of size 1 has
      // only the index 0.
      sum += spread(a, left) * spread(b, right);
    }
    return sum;
  });
}

double total(const Line& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum;
}
double average(const Line& x) { return total(x) / static_cast<double>(x.size()); }
double variance(const Line& x, int64_t correction) {
  double sum = 0;
  for (double v : x) sum += (v - average(x)) * (v - average(x));
  return sum / std::max(0.0, static_cast<double>(x.size()) - static_cast<double>(correction));
}
double largest(const Line& x) { return *std::max_element(x.begin(), x.end()); }
double smallest(const Line& x) { return *std::min_element(x.begin(), x.end()); }
double place_of(const Line& x, double value) {
  return static_cast<double>(std::find(x.begin(), x.end(), value) - x.begin());
}
double log_sum_exp(const Line& x) {
  double sum = 0;
  for (double v : x) sum += std::exp(v);
  return std::log(sum);
}
Line softmax_of(const Line& x) {
  Line y;
  for (double v : x) y.push_back(std::exp(v - log_sum_exp(x)));
  return y;
}
Line log_softmax_of(const Line& x) {
  Line y;
  for (double v : x) y.push_back(v - log_sum_exp(x));
  return y;
}

double logistic(double v) { return 1 / (1 + std::exp(-v)); }
double gelu_of(double v) { return v * std::erfc(-v / std::numbers::sqrt2) / 2; }
double gelu_tanh_of(double v) {
  return v * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v))) / 2;
}
double silu_of(double v) { return v * logistic(v); }
double positive_part(double v) { return v > 0 ? v : 0; }

Line class_weights(int64_t classes, bool weighted) {
  Line w(static_cast<size_t>(classes), 1.0);
  for (size_t c = 0; weighted && c < w.size(); ++c) w[c] = 0.5 + 0.25 * static_cast<double>(c);
  return w;
}
Array class_loss(const Array& log_probs, const Array& targets, const Line& weights, int64_t ignored,
                 double smoothing, Reduction reduction) {
  const auto classes = static_cast<double>(log_probs.shape.back());
  double sum = 0, counted = 0;
  Array losses = generate(targets.shape, [&](const Place& at) {
    double target = targets(at), uniform = 0, loss = 0;
    if (target == static_cast<double>(ignored)) return 0.0;
    for (int64_t j = 0; j < log_probs.shape.back(); ++j) {
      Place place = at;
      place.push_back(j);
      const double w = weights[static_cast<size_t>(j)];
      uniform -= w * log_probs(place) / classes;
      if (static_cast<double>(j) == target) loss = -w * log_probs(place);
    }
    loss = (1 - smoothing) * loss + smoothing * uniform;
    counted += weights[static_cast<size_t>(target)];
    sum += loss;
    return loss;
  });
  if (reduction == Reduction::kNone) return losses;
  return {{}, {reduction == Reduction::kSum ? sum : sum / counted}};
}

}  // namespace vitro::tests
