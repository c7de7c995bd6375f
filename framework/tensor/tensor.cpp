// Tensor: reads elements and makes views.
#include "framework/tensor/tensor.h"

namespace vitro {

void Tensor::fail_undefined() {
  fail<ValueError>("Tensor: expected a defined tensor, got an undefined one");
}
void Tensor::fail_type(DType wanted) const {
  fail<DTypeError>("data: expected a tensor of ", wanted, ", got one of ", dtype());
}

int64_t Tensor::size(int64_t axis) const {
  check<ShapeError>(rank() > 0, "size: expected a tensor with axes, got a scalar");
  return shape()[normalize_axis("size", axis, rank())];
}

double Tensor::item_as_double() const {
  check<ShapeError>(numel() == 1, "item: expected a tensor with one element, got shape ", shape());
  return visit_dtype(dtype(), [&]<class T>() { return static_cast<double>(*data<T>()); });
}
int64_t Tensor::item_as_int64() const {
  check<ShapeError>(numel() == 1, "item: expected a tensor with one element, got shape ", shape());
  return visit_dtype(dtype(), [&]<class T>() { return static_cast<int64_t>(*data<T>()); });
}

Tensor Tensor::detach() const {
  const TensorImpl& x = *need();
  boost::intrusive_ptr<TensorImpl> alias(new TensorImpl);
  alias->dtype = x.dtype;
  alias->contiguous = x.contiguous;
  alias->numel = x.numel;
  alias->offset = x.offset;
  alias->storage = x.storage;
  alias->shape = x.shape;
  alias->strides = x.strides;
  return Tensor(std::move(alias));
}

Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset) {
  Tensor y = x.detach();
  TensorImpl& view = *y.impl();
  view.shape = shape;
  view.strides = strides;
  view.offset = offset;
  view.numel = numel(shape);
  view.contiguous = is_row_major(shape, strides);
  return y;
}

bool uniquely_owned(const Tensor& x) {
  const Storage& storage = *x.impl()->storage;
  return x.impl()->refs.unique() && storage.refs.unique() && owns_bytes(storage);
}

}  // namespace vitro
