// Making tensors.
#pragma once
#include <functional>
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Numbers in nested braces: tensor({{1, 2}, {3, 4}}) is int64 (2, 2), with a 1.0 in it float32.
// Here and below: ValueError for a number beyond the range of an integer dtype.
struct NestedList {
  NestedList(double x) : number(x) {}            // NOLINT: braces convert
  NestedList(float x) : number(x) {}             // NOLINT
  NestedList(int x) : NestedList(int64_t{x}) {}  // NOLINT
  NestedList(int64_t x) : number(static_cast<double>(x)), integer(x), dtype(kInt64) {}  // NOLINT
  NestedList(bool x) : number(x), integer(x), dtype(kBool) {}                           // NOLINT
  NestedList(std::initializer_list<NestedList> list) : items(list), is_list(true) {}    // NOLINT
  double number = 0;
  int64_t integer = 0;  // exact, where the number is an integer
  DType dtype = kFloat32;
  std::vector<NestedList> items = {};
  bool is_list = false;
};
Tensor tensor(const NestedList& values);
Tensor tensor(const NestedList& values, DType dtype);

Tensor empty(const Shape& shape, DType dtype = kFloat32);  // values are not set
Tensor zeros(const Shape& shape, DType dtype = kFloat32);
Tensor ones(const Shape& shape, DType dtype = kFloat32);
Tensor full(const Shape& shape, double value, DType dtype = kFloat32);
Tensor arange(double stop, DType dtype = kInt64);
Tensor arange(double start, double stop, double step = 1, DType dtype = kInt64);
Tensor linspace(double start, double stop, int64_t count, DType dtype = kFloat32);
Tensor eye(int64_t n, DType dtype = kFloat32);
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
// Wraps memory that the caller owns until `deleter` (if any) is called with it.
Tensor from_blob(void* data, const Shape& shape, DType dtype = kFloat32,
                 std::function<void(void*)> deleter = {});
// Copies a range of numbers into a tensor with one axis.
Tensor from_span(std::span<const int64_t> values);
Tensor from_span(std::span<const float> values);
Tensor from_span(std::span<const double> values);

}  // namespace vitro
