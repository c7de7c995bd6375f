// LayerNorm by hand.
#include "models/layers/norm.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/kinds/sized.h"

namespace vitro::proof {

namespace {

// z = (x - mean) r, r = 1 / sqrt(var + eps), for one row.
struct NormalRow {
  std::vector<Sized> z;
  Sized r;
};
NormalRow normal_row(const Array& x, int64_t row, double eps) {
  const int64_t n = x.width();
  NormalRow of{std::vector<Sized>(static_cast<size_t>(n)), {}};
  Sized mean, variance;
  for (int64_t i = 0; i < n; ++i) mean += exact(x.row(row)[i] / static_cast<double>(n));
  for (int64_t i = 0; i < n; ++i) of.z[i] = exact(x.row(row)[i]) - mean;
  for (const Sized& z : of.z) variance += 1 / static_cast<double>(n) * (z * z);
  of.r = inverse_root(variance + exact(eps));
  for (Sized& z : of.z) z = z * of.r;
  return of;
}

Array layer_norm_forward(nn::LayerNorm& m, Hand& hand, const Array& x) {
  const std::vector<double> w = hand.numbers(m.weight), b = hand.numbers(m.bias);
  const int64_t n = x.width();
  std::vector<Sized> y = sized_zeros(x.shape);
  for (int64_t row = 0; row < x.rows(); ++row) {
    const NormalRow of = normal_row(x, row, m.eps);
    for (int64_t i = 0; i < n; ++i)
      y[row * n + i] = w[i] * of.z[i] + (b.empty() ? Sized() : exact(b[i]));
  }
  return array_of(x.shape, y, static_cast<double>(n));
}

// With g = dy w:  dx = r (g - mean g - z mean(g z)),  dw = sum dy z,  db = sum dy
Array layer_norm_backward(nn::LayerNorm& m, Hand& hand, const Array& x, const Array& dy) {
  const std::vector<double> w = hand.numbers(m.weight);
  const int64_t n = x.width();
  const double share = 1 / static_cast<double>(n);
  std::vector<Sized> dx = sized_zeros(x.shape), dw = sized_zeros({n}), db = dw;
  for (int64_t row = 0; row < x.rows(); ++row) {
    const NormalRow of = normal_row(x, row, m.eps);
    const double* d = dy.row(row);
    Sized mean, along;
    for (int64_t i = 0; i < n; ++i) {
      const Sized g = exact(d[i] * w[i]);
      mean += share * g, along += share * (g * of.z[i]);
      dw[i] += d[i] * of.z[i], db[i] += exact(d[i]);
    }
    for (int64_t i = 0; i < n; ++i)
      dx[row * n + i] = of.r * (exact(d[i] * w[i]) - mean - of.z[i] * along);
  }
  const double rows = static_cast<double>(x.rows());
  hand.gradient(m.weight, array_of({n}, dw, std::max(rows, static_cast<double>(n))));
  if (m.bias.defined()) hand.gradient(m.bias, array_of({n}, db, rows));
  return array_of(x.shape, dx, static_cast<double>(n));
}

}  // namespace

Kind layer_norm_kind() {
  return kind<nn::LayerNorm>("y = (x - mean) / sqrt(var + eps) * w + b", layer_norm_forward,
                             layer_norm_backward);
}

}  // namespace vitro::proof
