// Array: the numbers of a calculation by hand, and the sizes that limit the model's rounding.
#pragma once
#include <cmath>
#include <vector>

#include "../../framework/tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// Float64 numbers in row-major order.  `size`, `terms` and `stored` say how far rounding may move
// the model's value of each number: the value is a sum of `terms` terms, and `size` is the sum of
// their absolute values.  The model may round intermediate results to its dtype on the way;
// `stored` is the root of the sum of squares of their contributions to the value.  compare.h has
// the bound.  Without sizes, the bound is wider.
struct Array {
  Shape shape;                      // of all numbers
  std::vector<double> value = {};   // one per element of the shape
  std::vector<double> size = {};    // one per value, or empty: not known
  double terms = 1;                 // K
  std::vector<double> stored = {};  // one per value; empty: 0
  double slack = 0;                 // an absolute error of each number that was measured
  bool is_integer = false;  // whether the numbers are integers, such as ids, without a gradient

  int64_t count() const { return static_cast<int64_t>(value.size()); }       // how many numbers
  int64_t width() const { return shape.empty() ? 1 : shape.back(); }         // of the last axis
  int64_t rows() const { return width() > 0 ? count() / width() : 0; }       // of `width` numbers
  const double* row(int64_t i) const { return value.data() + i * width(); }  // row i
  double* row(int64_t i) { return value.data() + i * width(); }              // the same, to write
  // The size and the stored part of number i.
  double size_at(size_t i) const { return size.empty() ? std::abs(value[i]) : size[i]; }
  double stored_at(size_t i) const { return stored.empty() ? 0 : stored[i]; }
};

Array zeros_array(const Shape& shape, bool with_sizes = true);  // all zero
Array array_of(const Tensor& x);                // x's values, of any dtype; no sizes
Tensor tensor_of(const Array& x, DType dtype);  // the values, rounded to dtype
Array plus(Array a, const Array& b);            // a + b, and the sum of their sizes; same shapes
Array rounded(Array x);                         // x after the model has rounded it to its dtype

}  // namespace proof
}  // namespace vitro
