// rope: positions as rotations.
#include <cmath>

#include "framework/elementwise.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// cos and sin of (start + t) base^(-2i / D) for i < D / 2, the same again for the second half.
std::pair<Tensor, Tensor> rotations(int64_t time, int64_t width, int64_t start, double base,
                                    DType dtype) {
  Tensor cosine = empty({time, width}, kFloat64), sine = empty({time, width}, kFloat64);
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double rate = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(width));
    for (int64_t t = 0; t < time; ++t) {
      const double angle = static_cast<double>(start + t) * rate;
      for (int64_t at : {t * width + i, t * width + i + half}) {
        raw<double>(cosine)[at] = std::cos(angle);
        raw<double>(sine)[at] = std::sin(angle);
      }
    }
  }
  return {to(cosine, dtype), to(sine, dtype)};
}

}  // namespace

// Half i of a pair turns into the other: (a, b) -> (a cos - b sin, b cos + a sin).
Tensor rope(const Tensor& x, const RopeOptions& options) {
  check_floating("rope", x);
  check<ShapeError>(x.rank() >= 2 && x.size(-1) % 2 == 0,
                    "rope: x must be (..., time, an even number of features): got ", x.shape());
  check<ValueError>(options.start >= 0 && options.base > 0,
                    "rope: start of at least 0 and a positive base expected: got ", options.start,
                    " and ", options.base);
  if (x.dtype() == kBFloat16) return to(rope(to(x, kFloat32), options), kBFloat16);
  const int64_t half = x.size(-1) / 2;
  const auto [cosine, sine] =
      rotations(x.size(-2), x.size(-1), options.start, options.base, x.dtype());
  const Tensor turned = cat({-narrow(x, -1, half, half), narrow(x, -1, 0, half)}, -1);
  return x * cosine + turned * sine;
}

}  // namespace vitro
