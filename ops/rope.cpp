// rope encodes positions as rotations of pairs of features.
#include "ops/rope.h"

#include <cmath>

#include "framework/tensor/loops.h"

namespace vitro {

// cos and sin of (start + t) base^(-2i / D) for i < D / 2; the second half of D repeats the first.
RopeTables rope_tables(int64_t time, int64_t width, const RopeOptions& options, DType dtype) {
  check<ShapeError>(time >= 0 && width >= 0 && width % 2 == 0,
                    "rope: expected x (..., time, an even number of features), got ",
                    Shape{time, width});
  check<ValueError>(options.start >= 0 && options.base > 0,
                    "rope: expected a start of at least 0 and a positive base, got ", options.start,
                    " and ", options.base);
  Tensor cosine = empty({time, width}, kFloat64), sine = empty({time, width}, kFloat64);
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double rate =
        std::pow(options.base, -2.0 * static_cast<double>(i) / static_cast<double>(width));
    for (int64_t t = 0; t < time; ++t) {
      const double angle = static_cast<double>(options.start + t) * rate;
      for (int64_t at : {t * width + i, t * width + i + half}) {
        raw<double>(cosine)[at] = std::cos(angle);
        raw<double>(sine)[at] = std::sin(angle);
      }
    }
  }
  return {to(cosine, dtype), to(sine, dtype)};
}

// Turns each pair (a, b) = (x_i, x_(i + D/2)): (a, b) -> (a cos - b sin, b cos + a sin).
Tensor rope_by(const Tensor& x, const RopeTables& tables) {
  check_floating("rope", x);
  check<ShapeError>(x.rank() >= 2 && Shape{x.size(-2), x.size(-1)} == tables.cosine.shape(),
                    "rope: expected x (..., time, features) with the sizes of the tables ",
                    tables.cosine.shape(), ", got ", x.shape());
  if (x.dtype() == kBFloat16) return to(rope_by(to(x, kFloat32), tables), kBFloat16);
  const int64_t half = x.size(-1) / 2;
  const Tensor turned = cat({-narrow(x, -1, half, half), narrow(x, -1, 0, half)}, -1);
  return x * tables.cosine + turned * tables.sine;
}

Tensor rope(const Tensor& x, const RopeOptions& options) {
  check_floating("rope", x);
  check<ShapeError>(x.rank() >= 2 && x.size(-1) % 2 == 0,
                    "rope: expected x (..., time, an even number of features), got ", x.shape());
  const DType dtype = x.dtype() == kBFloat16 ? kFloat32 : x.dtype();
  return rope_by(x, rope_tables(x.size(-2), x.size(-1), options, dtype));
}

}  // namespace vitro
