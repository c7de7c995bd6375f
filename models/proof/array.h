// Array: the numbers of a calculation by hand, and how exact the running model can be.
#pragma once
#include <vector>

#include "../../framework/tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// Float64 numbers in row-major order.  `size`, `terms` and `stored` say how far rounding can move
// the model's value of each number: each value is a sum of `terms` terms, and `size` is the sum of
// their absolute values.  The bound is in compare.h.
struct Array {
  Shape shape;
  std::vector<double> value = {};
  std::vector<double> size = {};  // as many as values, or empty: |value|
  double terms = 1;               // K
  // How many intermediate results with the size of `size` the model rounds to its dtype.
  double stored = 0;

  int64_t count() const { return static_cast<int64_t>(value.size()); }  // how many numbers
  int64_t width() const { return shape.empty() ? 1 : shape.back(); }    // of the last axis
  int64_t rows() const { return width() ? count() / width() : 0; }      // of width() numbers
};

Array zeros_array(const Shape& shape);         // zeros, with sizes of zero
Array array_of(const Tensor& x);               // the values of any dtype, without sizes
Tensor tensor_of(const Array& x, DType dtype);  // the values, rounded to dtype

}  // namespace proof
}  // namespace vitro
