// Sized: a number by hand that carries the size of its terms through a calculation.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "models/proof/array.h"

namespace vitro::proof {

// A float64 number with what Array has for it: `size` is the sum of the absolute values of its
// terms, and `stored` is the sum of squares of the rounded intermediate results.  If the model
// computes the same formula in float32, its error is a few roundings of `size`.
struct Sized {
  double value = 0, size = 0, stored = 0;
};

inline Sized exact(double x) { return {x, std::abs(x), 0}; }  // a number without rounding error
inline Sized rounded(Sized x) {  // x after the model has rounded it to its dtype
  x.stored += x.value * x.value;
  return x;
}

inline Sized operator+(const Sized& a, const Sized& b) {
  return {a.value + b.value, a.size + b.size, a.stored + b.stored};
}
inline Sized& operator+=(Sized& a, const Sized& b) { return a = a + b; }
inline Sized operator*(double c, const Sized& x) {
  return {c * x.value, std::abs(c) * x.size, c * c * x.stored};
}
inline Sized operator-(const Sized& a, const Sized& b) { return a + -1.0 * b; }
// The size of a product is |a b| and the excess of each factor's size over its absolute value,
// times the other factor.
inline Sized operator*(const Sized& a, const Sized& b) {
  const double x = std::abs(a.value), y = std::abs(b.value);
  return {a.value * b.value, a.size * y + x * b.size - x * y, a.stored * y * y + x * x * b.stored};
}
// f(x) with the slope f'(x).  A function that is computed well adds one rounding of its result.
inline Sized function_of(const Sized& x, double value, double slope) {
  return {value, std::abs(value) + std::abs(slope) * x.size, slope * slope * x.stored};
}
inline Sized exp(const Sized& x) {
  const double y = std::exp(x.value);
  Sized all = function_of(x, y, y);
  if (x.stored == 0) return all;
  // Rounding to bfloat16 may move x by d, up to 4 u = 2^-6 of the intermediate results, so that
  // (e^d - 1) / d is much more than 1.
  const double reach = std::min(0x1p-6 * std::sqrt(x.stored), 8.0),
               growth = std::expm1(reach) / reach;
  all.stored *= growth * growth;
  return all;
}
inline Sized log(const Sized& x) { return function_of(x, std::log(x.value), 1 / x.value); }
// 1 / x and 1 / sqrt(x), for positive x that is a sum of positive terms.
inline Sized inverse(const Sized& x) {
  const double y = 1 / x.value;
  return {y, y * y * x.size, y * y * y * y * x.stored};
}
inline Sized inverse_root(const Sized& x) {
  const double y = 1 / std::sqrt(x.value), slope = y * y * y / 2;
  return {y, y / 2 + slope * x.size, slope * slope * x.stored};
}

// Number i of an array.
inline Sized at(const Array& x, size_t i) {
  const double stored = x.stored_at(i);
  return {x.value[i], x.size_at(i), stored * stored};
}
inline Sized at(const Array& x, int64_t i) { return at(x, static_cast<size_t>(i)); }

// An array of numbers that are sums of `terms` terms.
Array array_of(const Shape& shape, const std::vector<Sized>& numbers, double terms);
std::vector<Sized> sized_zeros(const Shape& shape);
Array with_sizes(Array x);  // x, whose sizes are the absolute values unless it has others

}  // namespace vitro::proof
