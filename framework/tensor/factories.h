// Making tensors.
#pragma once
#include <functional>
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Numbers in nested braces: tensor({{1, 2}, {3, 4}}) is int64 (2, 2), with a 1.0 in it float32.
// Here numbers are converted to the dtype as by to(), and below they must be what an integer or
// bool dtype holds exactly; ValueError for those out of range.
struct NestedList {
  NestedList(double x) : number(x) {}                  // NOLINT: braces convert
  NestedList(float x) : number(x) {}                   // NOLINT
  NestedList(int x) : NestedList(int64_t{x}) {}        // NOLINT
  NestedList(int64_t x) : number(x), dtype(kInt64) {}  // NOLINT
  NestedList(bool x) : number(x), dtype(kBool) {}      // NOLINT
  NestedList(std::initializer_list<NestedList> list) : items(list), is_list(true) {}  // NOLINT
  Number number = 0;
  DType dtype = kFloat32;
  std::vector<NestedList> items = {};
  bool is_list = false;
};
Tensor tensor(const NestedList& values);
Tensor tensor(const NestedList& values, DType dtype);

Tensor empty(const Shape& shape, DType dtype = kFloat32);  // values are not set
Tensor zeros(const Shape& shape, DType dtype = kFloat32);
Tensor ones(const Shape& shape, DType dtype = kFloat32);
Tensor full(const Shape& shape, const Number& value, DType dtype = kFloat32);
Tensor arange(Number stop, DType dtype = kInt64);
Tensor arange(Number start, Number stop, Number step = 1, DType dtype = kInt64);
Tensor linspace(double start, double stop, int64_t count, DType dtype = kFloat32);
Tensor eye(int64_t n, DType dtype = kFloat32);
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, const Number& value);
// Wraps memory that the caller owns until `deleter` (if any) is called with it.
Tensor from_blob(void* data, const Shape& shape, DType dtype = kFloat32,
                 std::function<void(void*)> deleter = {});
// Copies a range of numbers into a tensor with one axis.
Tensor from_span(std::span<const int64_t> values);
Tensor from_span(std::span<const float> values);
Tensor from_span(std::span<const double> values);

}  // namespace vitro
