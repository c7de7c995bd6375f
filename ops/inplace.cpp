// Methods of Tensor that change it in place.  Each change increments the version of the storage.  A
// node that saved the old values then throws a VersionError instead of a wrong gradient.
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

void check_writable(std::string_view op, const Tensor& y, const Tensor& x) {
  check_defined(op, y, "the tensor");
  check<GraphError>(!grad_enabled() || !y.requires_grad(), op,
                    ": expected a tensor that does not require grad while ops are recorded, got "
                    "one that does; use NoGradGuard, or the op that returns a new tensor");
  check<GraphError>(!grad_enabled() || !x.requires_grad(), op,
                    ": expected a source that does not require grad, got one whose graph would be "
                    "lost; detach() it, or use the op that returns a new tensor");
  for (int i = 0; i < y.rank(); ++i)
    check<GraphError>(y.shape()[i] < 2 || y.strides()[i] != 0, op,
                      ": expected a tensor whose elements do not share memory, got an expanded "
                      "one; clone() it first");
}

Tensor fitting(std::string_view op, const Tensor& y, const Tensor& x) {
  check<ShapeError>(broadcast(op, y.shape(), x.shape()) == y.shape(), op,
                    ": expected a source that broadcasts to ", y.shape(), ", got ", x.shape());
  return expanded_view(x, y.shape());
}

// Whether writing y element by element could overwrite elements of x that are still to be read.
bool may_overlap(const Tensor& y, const Tensor& x) {
  return y.impl()->storage == x.impl()->storage &&
         !(y.impl()->offset == x.impl()->offset && y.shape() == x.shape() &&
           y.strides() == x.strides());
}

template <class F>
Tensor& change(Tensor& y, const Tensor& x, std::string_view op, simd::Binary kernel, F f) {
  check_same_dtype(op, y, x);
  check_writable(op, y, x);
  check<DTypeError>(y.dtype() != kBool, op, ": expected a dtype with arithmetic, got bool");
  Tensor source = fitting(op, y, may_overlap(y, x) ? clone(x.detach()) : x);
  ++y.impl()->storage->version;
  binary_into(y, y, source, simd::binary_kernel(kernel), f, kCheapGrain);
  return y;
}

}  // namespace

Tensor& Tensor::add_(const Tensor& x) {
  return change(*this, x, "add_", simd::Binary::kAdd, [](auto u, auto v) { return u + v; });
}
Tensor& Tensor::sub_(const Tensor& x) {
  return change(*this, x, "sub_", simd::Binary::kSub, [](auto u, auto v) { return u - v; });
}
Tensor& Tensor::mul_(const Tensor& x) {
  return change(*this, x, "mul_", simd::Binary::kMul, [](auto u, auto v) { return u * v; });
}
Tensor& Tensor::div_(const Tensor& x) {
  check_floating("div_", *this);
  return change(*this, x, "div_", simd::Binary::kDiv, [](auto u, auto v) {
    return static_cast<decltype(u)>(static_cast<double>(u) / static_cast<double>(v));
  });
}
Tensor& Tensor::add_(const Number& x) { return add_(full_scalar(x, dtype(), "add_")); }
Tensor& Tensor::sub_(const Number& x) { return sub_(full_scalar(x, dtype(), "sub_")); }
Tensor& Tensor::mul_(const Number& x) { return mul_(full_scalar(x, dtype(), "mul_")); }
Tensor& Tensor::div_(const Number& x) { return div_(full_scalar(x, dtype(), "div_")); }

// copy_ converts x to this tensor's dtype, as in PyTorch.
Tensor& Tensor::copy_(const Tensor& x) {
  check_defined("copy_", x, "the source");
  check_writable("copy_", *this, x);
  Tensor source = fitting("copy_", *this, may_overlap(*this, x) ? vitro::clone(x.detach()) : x);
  ++impl_->storage->version;
  copy_into(*this, source);
  return *this;
}

Tensor& Tensor::fill_(const Number& value) {
  check_writable("fill_", *this, Tensor());
  Tensor source = fitting("fill_", *this, full_scalar(value, dtype(), "fill_"));
  ++impl_->storage->version;
  copy_into(*this, source);
  return *this;
}

}  // namespace vitro
