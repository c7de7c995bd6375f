// Checks of arguments that many ops share.
#include "framework/tensor/loops.h"

namespace vitro {

void check_defined(std::string_view op, const Tensor& x, std::string_view what) {
  check<ValueError>(
      x.defined(), op, ": expected ", what,
      " to be defined, got an undefined tensor, such as Tensor() or a grad() before backward()");
}
void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b) {
  if (a.defined() && b.defined() && a.dtype() == b.dtype()) [[likely]]
    return;
  check_defined(op, a, "the first tensor");
  check_defined(op, b, "the second tensor");
  fail<DTypeError>(op, ": expected two tensors of one dtype, got ", a.dtype(), " ", a.shape(),
                   " and ", b.dtype(), " ", b.shape(), "; convert one with to()");
}
void check_floating(std::string_view op, const Tensor& x) {
  check_defined(op, x, "the tensor");
  check<DTypeError>(is_floating(x.dtype()), op, ": expected a floating tensor, got ", x.dtype(),
                    " ", x.shape());
}

Shape expanded_shape(std::string_view op, const Shape& shape, const Shape& wanted) {
  Shape target = wanted;
  const int lead = target.rank() - shape.rank();
  for (int i = std::max(lead, 0); i < target.rank(); ++i)
    if (target[i] == -1) target[i] = shape[i - lead];
  check<ShapeError>(lead >= 0 && broadcast(op, shape, target) == target, op,
                    ": expected a shape to which ", shape, " expands, got ", wanted);
  return target;
}

}  // namespace vitro
