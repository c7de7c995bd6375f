// Converts between tensors and arrays.
#include "models/proof/array.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/factories.h"
#include "framework/tensor/loops.h"

namespace vitro::proof {

Array zeros_array(const Shape& shape, bool with_sizes) {
  const auto count = static_cast<size_t>(numel(shape));
  Array all{.shape = shape, .value = std::vector<double>(count)};
  if (with_sizes) all.size.resize(count);
  return all;
}

Array array_of(const Tensor& x) {
  const Tensor dense = x.detach().contiguous();
  Array all = zeros_array(x.shape(), /*with_sizes=*/false);
  all.is_integer = !is_floating(x.dtype());
  visit_dtype(x.dtype(), [&]<class T>() {
    const T* from = raw<T>(dense);
    for (size_t i = 0; i < all.value.size(); ++i) all.value[i] = static_cast<double>(from[i]);
  });
  return all;
}

Tensor tensor_of(const Array& x, DType dtype) {
  return from_span(std::span<const double>(x.value)).reshape(x.shape).to(dtype);
}

Array plus(Array a, const Array& b) {
  check<ShapeError>(a.shape == b.shape, "plus: expected arrays of the same shape, got ", a.shape,
                    " and ", b.shape);
  std::vector<double> size(a.value.size());
  for (size_t i = 0; i < size.size(); ++i) size[i] = a.size_at(i) + b.size_at(i);
  if (!b.stored.empty()) a.stored.resize(size.size());
  for (size_t i = 0; i < b.stored.size(); ++i) a.stored[i] = std::hypot(a.stored[i], b.stored[i]);
  for (size_t i = 0; i < size.size(); ++i) a.value[i] += b.value[i];
  a.size = std::move(size);
  a.terms = std::max({a.terms, b.terms, 2.0});
  return a;
}

Array rounded(Array x) {
  x.stored.resize(x.value.size());
  for (size_t i = 0; i < x.stored.size(); ++i) x.stored[i] = std::hypot(x.stored[i], x.value[i]);
  return x;
}

}  // namespace vitro::proof
