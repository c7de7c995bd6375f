// Fills parameters with constants, random numbers or an orthogonal matrix.
#include "models/layers/init.h"

#include <cmath>

#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"

namespace vitro::nn::init {

namespace {

struct Fans {
  double in, out;
};
// Returns the fans of a weight (out, in, ...).  The axes after the second multiply both fans.
Fans fans(const char* name, const Tensor& x) {
  check<ShapeError>(x.rank() >= 2, name, ": expected a weight (out, in), got ", x.shape());
  double inner = 1;
  for (int i = 2; i < x.rank(); ++i) inner *= static_cast<double>(x.shape()[i]);
  return {static_cast<double>(x.shape()[1]) * inner, static_cast<double>(x.shape()[0]) * inner};
}

double kaiming_deviation(const char* name, const Tensor& x, double a, FanMode mode,
                         const std::string& nonlinearity) {
  Fans f = fans(name, x);
  return calculate_gain(nonlinearity, a) / std::sqrt(mode == FanMode::kIn ? f.in : f.out);
}

}  // namespace

Tensor uniform_(const Tensor& x, double low, double high, Generator& generator) {
  check<ValueError>(low <= high, "uniform_: expected low <= high, got ", low, " and ", high);
  fill_uniform(x, low, high, generator);
  return x;
}
Tensor normal_(const Tensor& x, double mean, double deviation, Generator& generator) {
  check<ValueError>(deviation >= 0, "normal_: expected a deviation of at least 0, got ", deviation);
  fill_normal(x, mean, deviation, generator);
  return x;
}
Tensor trunc_normal_(const Tensor& x, double mean, double deviation, double low, double high,
                     Generator& generator) {
  check<ValueError>(low < high, "trunc_normal_: expected low < high, got ", low, " and ", high);
  auto cdf = [&](double v) { return 0.5 * std::erfc(-(v - mean) / (deviation * std::sqrt(2.0))); };
  check<ValueError>(cdf(high) - cdf(low) > 1e-3,
                    "trunc_normal_: expected an interval with a probability above 0.001, got [",
                    low, ", ", high, "] around the mean ", mean, " with deviation ", deviation);
  Tensor values = empty({x.numel()}, kFloat64);
  double* p = values.mutable_data<double>();
  Tensor draw = empty({std::max<int64_t>(64, x.numel())}, kFloat64);
  for (int64_t filled = 0; filled < x.numel();) {
    fill_normal(draw, mean, deviation, generator);
    for (int64_t i = 0; i < draw.numel() && filled < x.numel(); ++i)
      if (double v = raw<double>(draw)[i]; low <= v && v <= high) p[filled++] = v;
  }
  ++x.impl()->storage->version;
  copy_into(x, make_view(values, x.shape(), row_major(x.shape()), 0));
  return x;
}
Tensor constant_(const Tensor& x, double value) {
  NoGradGuard unrecorded;
  x.detach().fill_(value);
  return x;
}
Tensor zeros_(const Tensor& x) { return constant_(x, 0); }
Tensor ones_(const Tensor& x) { return constant_(x, 1); }

Tensor xavier_uniform_(const Tensor& x, double gain, Generator& generator) {
  Fans f = fans("xavier_uniform_", x);
  double a = gain * std::sqrt(6 / (f.in + f.out));
  return uniform_(x, -a, a, generator);
}
Tensor xavier_normal_(const Tensor& x, double gain, Generator& generator) {
  Fans f = fans("xavier_normal_", x);
  return normal_(x, 0, gain * std::sqrt(2 / (f.in + f.out)), generator);
}
Tensor kaiming_uniform_(const Tensor& x, double a, FanMode mode, const std::string& nonlinearity,
                        Generator& generator) {
  double bound = std::sqrt(3.0) * kaiming_deviation("kaiming_uniform_", x, a, mode, nonlinearity);
  return uniform_(x, -bound, bound, generator);
}
Tensor kaiming_normal_(const Tensor& x, double a, FanMode mode, const std::string& nonlinearity,
                       Generator& generator) {
  return normal_(x, 0, kaiming_deviation("kaiming_normal_", x, a, mode, nonlinearity), generator);
}

// Makes the rows, or the columns if there are fewer columns, orthonormal (modified Gram-Schmidt).
// Each overlap is subtracted twice, for accuracy.
Tensor orthogonal_(const Tensor& x, double gain, Generator& generator) {
  check<ShapeError>(x.rank() >= 2, "orthogonal_: expected a weight (out, in), got ", x.shape());
  check<ShapeError>(x.is_contiguous(), "orthogonal_: expected a contiguous tensor, got strides ",
                    x.strides());
  const int64_t rows = x.shape()[0], cols = x.shape()[0] ? x.numel() / x.shape()[0] : 0;
  const int64_t count = std::min(rows, cols), length = std::max(rows, cols);
  Tensor vectors = empty({count, length}, kFloat64);
  fill_normal(vectors, 0, 1, generator);
  double* v = raw<double>(vectors);
  auto dot = [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < length; ++k) sum += v[i * length + k] * v[j * length + k];
    return sum;
  };
  for (int64_t i = 0; i < count; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t j = 0; j < i; ++j) {
        double overlap = dot(i, j);
        for (int64_t k = 0; k < length; ++k) v[i * length + k] -= overlap * v[j * length + k];
      }
    double norm = std::sqrt(dot(i, i));
    for (int64_t k = 0; k < length; ++k) v[i * length + k] /= norm;
  }
  for (int64_t i = 0; i < vectors.numel(); ++i) v[i] *= gain;
  Strides strides = rows <= cols ? Strides{length, 1} : Strides{1, length};
  Tensor flat = make_view(x, {rows, cols}, {cols, 1}, x.impl()->offset);
  ++x.impl()->storage->version;
  copy_into(flat, make_view(vectors, {rows, cols}, strides, 0));
  return x;
}

double calculate_gain(const std::string& nonlinearity, double slope) {
  if (nonlinearity == "linear" || nonlinearity == "sigmoid") return 1;
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  if (nonlinearity == "selu") return 0.75;
  fail<ValueError>("calculate_gain: expected linear, sigmoid, tanh, relu, leaky_relu or selu, got ",
                   nonlinearity);
}

}  // namespace vitro::nn::init
