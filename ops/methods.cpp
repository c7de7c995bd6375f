// Defines the methods of Tensor that call ops.
#include "ops/ops.h"

namespace vitro {

Tensor Tensor::to(DType dtype) const { return vitro::to(*this, dtype); }
Tensor Tensor::contiguous() const { return vitro::contiguous(*this); }
Tensor Tensor::clone() const { return vitro::clone(*this); }
Tensor Tensor::reshape(const Shape& shape) const { return vitro::reshape(*this, shape); }
Tensor Tensor::view(const Shape& shape) const { return vitro::view(*this, shape); }
Tensor Tensor::flatten(int64_t start, int64_t end) const {
  return vitro::flatten(*this, start, end);
}
Tensor Tensor::transpose(int64_t a, int64_t b) const { return vitro::transpose(*this, a, b); }
Tensor Tensor::permute(const Shape& axes) const { return vitro::permute(*this, axes); }
Tensor Tensor::t() const { return vitro::t(*this); }
Tensor Tensor::squeeze() const { return vitro::squeeze(*this); }
Tensor Tensor::squeeze(int64_t axis) const { return vitro::squeeze(*this, axis); }
Tensor Tensor::unsqueeze(int64_t axis) const { return vitro::unsqueeze(*this, axis); }
Tensor Tensor::expand(const Shape& shape) const { return vitro::expand(*this, shape); }
Tensor Tensor::select(int64_t axis, int64_t index) const {
  return vitro::select(*this, axis, index);
}
Tensor Tensor::slice(int64_t axis, int64_t start, int64_t stop, int64_t step) const {
  return vitro::slice(*this, axis, start, stop, step);
}
Tensor Tensor::narrow(int64_t axis, int64_t start, int64_t length) const {
  return vitro::narrow(*this, axis, start, length);
}
Tensor Tensor::operator[](int64_t index) const { return vitro::select(*this, 0, index); }
Tensor Tensor::sum() const { return vitro::sum(*this); }
Tensor Tensor::sum(int64_t axis, bool keepdim) const { return vitro::sum(*this, axis, keepdim); }
Tensor Tensor::mean() const { return vitro::mean(*this); }
Tensor Tensor::mean(int64_t axis, bool keepdim) const { return vitro::mean(*this, axis, keepdim); }
Tensor Tensor::max() const { return vitro::max(*this); }
ValuesAndIndices Tensor::max(int64_t axis, bool keepdim) const {
  return vitro::max(*this, axis, keepdim);
}
Tensor Tensor::min() const { return vitro::min(*this); }
ValuesAndIndices Tensor::min(int64_t axis, bool keepdim) const {
  return vitro::min(*this, axis, keepdim);
}
Tensor Tensor::argmax() const { return vitro::argmax(*this); }
Tensor Tensor::argmax(int64_t axis, bool keepdim) const {
  return vitro::argmax(*this, axis, keepdim);
}
Tensor Tensor::matmul(const Tensor& b) const { return vitro::matmul(*this, b); }
Tensor Tensor::operator-() const { return vitro::neg(*this); }

}  // namespace vitro
