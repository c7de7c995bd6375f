// Functions that make tensors.
#pragma once
#include <functional>
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Numbers in nested braces, all at the same depth and with rows of equal length.
struct NestedList {
  // A number, or a list in braces.
  NestedList(double x) : number(x) {}                  // NOLINT: braces convert
  NestedList(float x) : number(x) {}                   // NOLINT
  NestedList(int x) : NestedList(int64_t{x}) {}        // NOLINT
  NestedList(int64_t x) : number(x), dtype(kInt64) {}  // NOLINT
  NestedList(bool x) : number(x), dtype(kBool) {}      // NOLINT
  NestedList(std::initializer_list<NestedList> list) : items(list), is_list(true) {}  // NOLINT
  Number number = 0;                   // the number, if it is one
  DType dtype = kFloat32;              // dtype of the number
  std::vector<NestedList> items = {};  // the items, if it is a list
  bool is_list = false;                // whether it is a list
};
// tensor({{1, 2}, {3, 4}}) is int64 (2, 2).  It is float32 if any number is a float or double, and
// bool if all are bool.  With `dtype`, numbers are converted as by to().  ShapeError for uneven
// braces; ValueError for a number outside of the dtype's range.
Tensor tensor(const NestedList& values);
Tensor tensor(const NestedList& values, DType dtype);

Tensor empty(const Shape& shape, DType dtype = kFloat32);  // values are not set
Tensor zeros(const Shape& shape, DType dtype = kFloat32);  // filled with 0
Tensor ones(const Shape& shape, DType dtype = kFloat32);   // filled with 1
// Filled with `value`.  ValueError if an integer or bool dtype cannot hold it exactly.
Tensor full(const Shape& shape, const Number& value, DType dtype = kFloat32);
// start, start + step, ... while below `stop` (above it if step < 0), on one axis.  ValueError if
// the range has no end, or if an integer dtype cannot hold `start`, `step` or an element exactly.
Tensor arange(Number stop, DType dtype = kInt64);
Tensor arange(Number start, Number stop, Number step = 1, DType dtype = kInt64);
// `count` numbers at equal distances, from `start` to `stop` inclusive.  DTypeError unless the
// dtype is floating.
Tensor linspace(double start, double stop, int64_t count, DType dtype = kFloat32);
Tensor eye(int64_t n, DType dtype = kFloat32);  // the (n, n) identity matrix
// The same functions, with the shape and dtype of x.
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, const Number& value);
// A contiguous tensor on the caller's memory `data`, which must stay valid as long as the tensor or
// a view of it exists.  Then deleter(data) is called, if there is a deleter.  ValueError if `data`
// is null or not aligned for the dtype.
Tensor from_blob(void* data, const Shape& shape, DType dtype = kFloat32,
                 std::function<void(void*)> deleter = {});
// Copies numbers into a new tensor with one axis.
Tensor from_span(std::span<const int64_t> values);
Tensor from_span(std::span<const float> values);
Tensor from_span(std::span<const double> values);

}  // namespace vitro
