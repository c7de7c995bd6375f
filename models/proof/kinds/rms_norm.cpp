// RMSNorm by hand.
#include "models/layers/norm.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/kinds/sized.h"

namespace vitro::proof {

namespace {

// r = 1 / sqrt(mean x^2 + eps) of one row
Sized inverse_rms(const Array& x, int64_t row, double eps) {
  const double share = 1 / static_cast<double>(x.width());
  Sized squares;
  for (int64_t i = 0; i < x.width(); ++i) squares += exact(share * x.row(row)[i] * x.row(row)[i]);
  return inverse_root(squares + exact(eps));
}

Array rms_norm_forward(nn::RMSNorm& m, Hand& hand, const Array& x) {
  const std::vector<double> w = hand.numbers(m.weight);
  const int64_t n = x.width();
  std::vector<Sized> y = sized_zeros(x.shape);
  for (int64_t row = 0; row < x.rows(); ++row) {
    const Sized r = inverse_rms(x, row, m.eps);
    for (int64_t i = 0; i < n; ++i) y[row * n + i] = x.row(row)[i] * w[i] * r;
  }
  return array_of(x.shape, y, static_cast<double>(n));
}

// With z = x r and g = dy w:  dx = r (g - z mean(g z)),  dw = sum dy z
Array rms_norm_backward(nn::RMSNorm& m, Hand& hand, const Array& x, const Array& dy) {
  const std::vector<double> w = hand.numbers(m.weight);
  const int64_t n = x.width();
  std::vector<Sized> dx = sized_zeros(x.shape), dw = sized_zeros({n});
  for (int64_t row = 0; row < x.rows(); ++row) {
    const Sized r = inverse_rms(x, row, m.eps);
    const double *d = dy.row(row), *v = x.row(row);
    Sized along;
    for (int64_t i = 0; i < n; ++i) {
      along += d[i] * w[i] / static_cast<double>(n) * (v[i] * r);
      dw[i] += d[i] * (v[i] * r);
    }
    for (int64_t i = 0; i < n; ++i) dx[row * n + i] = r * (exact(d[i] * w[i]) - v[i] * r * along);
  }
  hand.gradient(m.weight, array_of({n}, dw, static_cast<double>(std::max(x.rows(), n))));
  return array_of(x.shape, dx, static_cast<double>(n));
}

}  // namespace

Kind rms_norm_kind() {
  return kind<nn::RMSNorm>("y = x / sqrt(mean x^2 + eps) * w", rms_norm_forward, rms_norm_backward);
}

}  // namespace vitro::proof
