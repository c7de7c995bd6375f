// Makes tensors from numbers, and from the memory of the caller.
#include "framework/tensor/factories.h"

#include <cmath>

namespace vitro {

namespace {

Tensor new_tensor(const Shape& shape, DType dtype, int64_t n, StoragePtr storage) {
  boost::intrusive_ptr<TensorImpl> impl(new TensorImpl);
  impl->dtype = dtype;
  impl->numel = n;
  impl->storage = std::move(storage);
  impl->shape = shape;
  impl->strides = row_major(shape);
  return Tensor(std::move(impl));
}

void fill(const Tensor& x, const Number& value) {
  visit_dtype(x.dtype(), [&]<class T>() {
    T* p = x.mutable_data<T>();
    std::fill(p, p + x.numel(), number_as<T>("full", value));
  });
}

}  // namespace

Tensor empty(const Shape& shape, DType dtype) {
  int64_t n = checked_numel("empty", shape, dtype);
  return new_tensor(shape, dtype, n, new_storage(static_cast<size_t>(n) * item_size(dtype)));
}
Tensor full(const Shape& shape, const Number& value, DType dtype) {
  Tensor y = empty(shape, dtype);
  fill(y, value);
  return y;
}
Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor empty_like(const Tensor& x) {
  if (!x.is_contiguous()) return empty(x.shape(), x.dtype());
  const TensorImpl& like = *x.impl();  // its sizes were checked when x was made
  boost::intrusive_ptr<TensorImpl> impl(new TensorImpl);
  impl->dtype = like.dtype;
  impl->numel = like.numel;
  impl->storage = new_storage(static_cast<size_t>(like.numel) * item_size(like.dtype));
  impl->shape = like.shape;
  impl->strides = like.strides;
  return Tensor(std::move(impl));
}
Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype()); }
Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype()); }
Tensor full_like(const Tensor& x, const Number& value) { return full(x.shape(), value, x.dtype()); }

// How many of start, start + step, ... come before stop, in integers so that nothing is rounded.
static int64_t count_between(int64_t start, int64_t stop, int64_t step) {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const auto from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(stop),
             by = static_cast<uint64_t>(step);
  return static_cast<int64_t>(step > 0 ? (to - from - 1) / by + 1 : (from - to - 1) / -by + 1);
}

Tensor arange(Number stop, DType dtype) { return arange(0, stop, 1, dtype); }
Tensor arange(Number start, Number stop, Number step, DType dtype) {
  const double count = std::ceil((stop.real - start.real) / step.real);
  check<ValueError>(std::isfinite(count) && count < 9e18, "arange: expected a finite range, got ",
                    start, " to ", stop, " in steps of ", step);
  if (is_floating(dtype)) {
    Tensor y = empty({std::max<int64_t>(0, static_cast<int64_t>(count))}, dtype);
    visit_dtype(dtype, [&]<class T>() {
      T* p = y.mutable_data<T>();
      for (int64_t i = 0; i < y.numel(); ++i)
        p[i] = static_cast<T>(start.real + static_cast<double>(i) * step.real);
    });
    return y;
  }
  check<ValueError>(start.real == std::floor(start.real) && step.real == std::floor(step.real),
                    "arange: expected a whole start and step for ", dtype, ", got ", start, " and ",
                    step);
  const auto first = number_as<int64_t>("arange", start), by = number_as<int64_t>("arange", step);
  const Number end = stop.is_integer ? stop : by > 0 ? std::ceil(stop.real) : std::floor(stop.real);
  Tensor y = empty({count_between(first, number_as<int64_t>("arange", end), by)}, dtype);
  visit_dtype(dtype, [&]<class T>() {
    T* p = y.mutable_data<T>();
    for (int64_t i = 0; i < y.numel(); ++i) p[i] = number_as<T>("arange", first + i * by);
  });
  return y;
}
Tensor linspace(double start, double stop, int64_t count, DType dtype) {
  check<DTypeError>(is_floating(dtype), "linspace: expected a floating dtype, got ", dtype);
  Tensor y = empty({count}, dtype);
  double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  visit_dtype(dtype, [&]<class T>() {
    T* p = y.mutable_data<T>();
    for (int64_t i = 0; i < count; ++i)
      p[i] = static_cast<T>(i + 1 == count && i ? stop : start + static_cast<double>(i) * step);
  });
  return y;
}
Tensor eye(int64_t n, DType dtype) {
  Tensor y = zeros({n, n}, dtype);
  visit_dtype(dtype, [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) y.mutable_data<T>()[i * n + i] = static_cast<T>(1);
  });
  return y;
}

static void measure(const NestedList& list, int depth, Shape& shape, DType& dtype, bool& first) {
  if (!list.is_list) {
    check<ShapeError>(depth == shape.rank(), "tensor: expected every number in ", shape.rank(),
                      " levels of braces, got one in ", depth);
    bool wider = first || (list.dtype == kFloat32 && dtype != kFloat32) ||
                 (dtype == kBool && list.dtype == kInt64);
    if (wider) dtype = list.dtype;
    first = false;
    return;
  }
  auto size = static_cast<int64_t>(list.items.size());
  if (depth == shape.rank() && first) shape.push_back(size);
  check<ShapeError>(depth < shape.rank() && shape[depth] == size,
                    "tensor: expected rows of length ", depth < shape.rank() ? shape[depth] : 0,
                    ", got one of length ", size);
  for (const NestedList& item : list.items) measure(item, depth + 1, shape, dtype, first);
}

template <class T>
static void flatten_into(const NestedList& list, T*& p) {
  for (const NestedList& item : list.items) flatten_into(item, p);
  if (list.is_list) return;
  if constexpr (std::is_same_v<T, bool>) *p++ = list.number.real != 0;
  else if (list.number.is_integer) *p++ = number_as<T>("tensor", list.number);
  else
    *p++ = number_as<T>(
        "tensor", is_floating(dtype_of<T>()) ? list.number.real : std::trunc(list.number.real));
}

static Tensor from_list(const NestedList& values, const DType* wanted) {
  Shape shape;
  DType dtype = kFloat32;
  bool first = true;
  measure(values, 0, shape, dtype, first);
  Tensor y = empty(shape, wanted ? *wanted : dtype);
  visit_dtype(y.dtype(), [&]<class T>() {
    T* p = y.mutable_data<T>();
    flatten_into(values, p);
  });
  return y;
}
Tensor tensor(const NestedList& values) { return from_list(values, nullptr); }
Tensor tensor(const NestedList& values, DType dtype) { return from_list(values, &dtype); }

Tensor from_blob(void* data, const Shape& shape, DType dtype, std::function<void(void*)> deleter) {
  int64_t n = checked_numel("from_blob", shape, dtype);
  check<ValueError>(data || n == 0, "from_blob: expected memory for shape ", shape, ", got null");
  check<ValueError>(reinterpret_cast<uintptr_t>(data) % item_size(dtype) == 0,
                    "from_blob: expected ", dtype, " data aligned to ", item_size(dtype),
                    " bytes, got address ", data);
  StoragePtr storage = new_storage(0);
  storage->data = data;
  if (deleter) storage->deleter = std::make_unique<std::function<void(void*)>>(std::move(deleter));
  return new_tensor(shape, dtype, n, std::move(storage));
}

template <class T>
static Tensor copy_of(std::span<const T> values) {
  Tensor y = empty({static_cast<int64_t>(values.size())}, dtype_of<T>());
  std::copy(values.begin(), values.end(), y.mutable_data<T>());
  return y;
}
Tensor from_span(std::span<const int64_t> values) { return copy_of(values); }
Tensor from_span(std::span<const float> values) { return copy_of(values); }
Tensor from_span(std::span<const double> values) { return copy_of(values); }

}  // namespace vitro
