// Rotary positions by hand.
#include "models/proof/kinds/rotary.h"

#include "models/proof/kinds/sized.h"

namespace vitro::proof {

Array rotated(const Array& x, double base, Turn turn) {
  const int64_t time = x.shape[1], heads = x.shape[2], width = x.shape[3], half = width / 2;
  std::vector<Sized> y = sized_zeros(x.shape);
  for (int64_t row = 0; row < x.rows(); ++row) {
    const auto t = static_cast<double>(row / heads % time);
    for (int64_t i = 0; i < half; ++i) {
      const double angle =
          t * std::pow(base, -2 * static_cast<double>(i) / static_cast<double>(width));
      const double c = std::cos(angle),
                   s = turn == Turn::kForward ? std::sin(angle) : -std::sin(angle);
      const int64_t at_a = row * width + i, at_b = at_a + half;
      const Sized a = at(x, at_a), b = at(x, at_b);
      y[at_a] = c * a - s * b;
      y[at_b] = c * b + s * a;
    }
  }
  return array_of(x.shape, y, std::max(2.0, x.terms));
}

}  // namespace vitro::proof
