// Compares numbers with their bounds.
#include "models/proof/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitro::proof {

double unit_roundoff(DType dtype) {
  return dtype == kBFloat16 ? 0x1p-8 : dtype == kFloat64 ? 0x1p-53 : 0x1p-24;
}

namespace {

// The distance between the numbers of a dtype near y.
double unit_in_last_place(double y, double roundoff) {
  int exponent = 0;
  std::frexp(y, &exponent);  // |y| in [2^(exponent - 1), 2^exponent)
  return std::ldexp(roundoff, exponent);
}

// The difference of two numbers; 0 for equal infinities, infinity where only one is finite.
double distance(double model, double by_hand) {
  if (model == by_hand || (std::isnan(model) && std::isnan(by_hand))) return 0;
  const double error = std::abs(model - by_hand);
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

// The size of the numbers of an array that has no sizes.
struct Magnitudes {
  double largest = 0, typical = 0;  // the largest absolute value, and the root mean square
};
Magnitudes magnitudes_of(const Array& x) {
  Magnitudes all;
  double squares = 0;
  for (double value : x.value) {
    if (!std::isfinite(value)) continue;
    all.largest = std::max(all.largest, std::abs(value));
    squares += value * value;
  }
  if (x.count() > 0) all.typical = std::sqrt(squares / static_cast<double>(x.count()));
  return all;
}

// An error's share of its bound.  A bound that is not finite allows nothing.
double quotient_of(double error, double allowed) {
  return std::isfinite(allowed) ? error / allowed : std::numeric_limits<double>::infinity();
}

}  // namespace

Difference compare(const Tensor& model, const Array& by_hand) {
  check<ShapeError>(model.shape() == by_hand.shape, "compare: expected by hand the shape ",
                    model.shape(), " of the model's tensor, got ", by_hand.shape);
  const Array seen = array_of(model);
  const bool is_sized = !by_hand.size.empty();
  const Magnitudes of_unsized = is_sized ? Magnitudes() : magnitudes_of(by_hand);
  const double storage = unit_roundoff(model.dtype()),
               arithmetic = unit_roundoff(accumulation_dtype(model.dtype())),
               terms = is_sized ? by_hand.terms : static_cast<double>(by_hand.width()),
               walk = std::sqrt(terms), floor = by_hand.slack + kUnderflow;
  Difference all{.terms = terms};
  if (seen.count() == 0) return all;
  double errors = 0, values = 0, sizes = 0, storeds = 0;  // sums of squares
  for (size_t i = 0; i < seen.value.size(); ++i) {
    const double y = by_hand.value[i], error = distance(seen.value[i], y);
    if (!std::isfinite(y) && error == 0) continue;
    const double size = is_sized ? by_hand.size_at(i) : of_unsized.largest,
                 stored = is_sized ? by_hand.stored_at(i) : of_unsized.typical;
    const double allowed =
        2 * storage * (std::abs(y) + 2 * stored) + 8 * arithmetic * walk * size + floor;
    all.absolute = std::max(all.absolute, error);
    if (size > 0) all.relative = std::max(all.relative, error / size);
    if (y != 0) all.ulp = std::max(all.ulp, error / unit_in_last_place(y, storage));
    if (const double share = quotient_of(error, allowed); !(share <= all.share)) {
      all.share = share, all.at = static_cast<int64_t>(i);
      all.model = seen.value[i], all.by_hand = y, all.allowed = allowed;
    }
    errors += error * error, values += y * y, sizes += size * size;
    storeds += stored * stored;
  }
  const double error = std::sqrt(errors), norm = std::sqrt(values), size = std::sqrt(sizes);
  all.whole = norm > 0 ? error / norm : error;
  const double allowed = 2 * storage * (norm + std::sqrt(storeds)) +
                         8 * arithmetic * (walk * norm + size) +
                         floor * std::sqrt(static_cast<double>(seen.count()));
  if (!(quotient_of(error, allowed) <= all.share))
    all.share = quotient_of(error, allowed), all.by_whole = true;
  all.agrees = all.share <= 1;
  return all;
}

}  // namespace vitro::proof
