// Copies, conversions between dtypes, and joins.
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {
// y = x in another layout   =>   dx = dy
struct Clone final : Op<Clone> {
  static constexpr std::string_view kName = "clone";
  TensorList backward(const Tensor& dy) override { return {dy}; }
};
}  // namespace
Tensor clone(const Tensor& x) {
  check_defined("clone", x, "the tensor");
  Tensor y = empty(x.shape(), x.dtype());
  copy_into(y, x);
  record<Clone>(y, x);
  return y;
}

Tensor contiguous(const Tensor& x) {
  check_defined("contiguous", x, "the tensor");
  return x.is_contiguous() ? x : clone(x);
}

namespace {
// y = x converted   =>   dx = dy converted back
struct To final : Op<To> {
  static constexpr std::string_view kName = "to";
  DType from = kFloat32;
  TensorList backward(const Tensor& dy) override { return {to(dy, from)}; }
};
}  // namespace
Tensor to(const Tensor& x, DType dtype) {
  check_defined("to", x, "the tensor");
  if (x.dtype() == dtype) return x;
  Tensor y = empty(x.shape(), dtype);
  copy_into(y, x);
  if (!is_floating(dtype)) return y;
  if (auto* node = record<To>(y, x)) node->from = x.dtype();
  return y;
}

namespace {
// y = [x_0, x_1, ...] along an axis   =>   dx_i = the part of dy that came from x_i
struct Cat final : Op<Cat> {
  static constexpr std::string_view kName = "cat";
  int axis = 0;
  boost::container::small_vector<int64_t, 4, PoolAllocator<int64_t>> sizes;
  TensorList backward(const Tensor& dy) override {
    TensorList gradients;
    int64_t start = 0;
    for (size_t i = 0; i < sizes.size(); start += sizes[i++])
      if (!needs(i)) gradients.push_back({});
      else if (sizes[i] == 0) gradients.push_back(zeros(inputs[i]->shape, dy.dtype()));
      else gradients.push_back(narrow(dy, axis, start, sizes[i]));
    return gradients;
  }
};
}  // namespace
// Ignores tensors of shape (0,), as PyTorch does.
Tensor cat(std::span<const Tensor> xs, int64_t axis) {
  check<ShapeError>(!xs.empty(), "cat: expected at least one tensor, got none");
  const auto joins_all = [](const Tensor& x) { return x.shape() == Shape{0}; };
  const Shape* like = nullptr;  // the first shape that is not (0,)
  for (const Tensor& x : xs) {
    check_same_dtype("cat", xs[0], x);
    check<ShapeError>(x.rank() > 0, "cat: expected tensors with axes, got a scalar; use stack");
    if (!like && !joins_all(x)) like = &x.shape();
  }
  Shape shape = like ? *like : xs[0].shape();
  const Shape first = shape;
  int at = normalize_axis("cat", axis, first.rank());
  shape[at] = 0;
  for (const Tensor& x : xs) {
    if (joins_all(x)) continue;
    Shape rest = x.shape();
    check<ShapeError>(x.rank() == shape.rank(), "cat: expected shapes that agree outside axis ", at,
                      ", got ", first, " and ", x.shape());
    check<ShapeError>(!__builtin_add_overflow(shape[at], rest[at], &shape[at]),
                      "cat: expected sizes along axis ", at,
                      " that add up to at most 2^63 - 1, got more");
    rest[at] = first[at];
    check<ShapeError>(rest == first, "cat: expected shapes that agree outside axis ", at, ", got ",
                      first, " and ", x.shape());
  }
  Tensor y = empty(shape, xs[0].dtype());
  int64_t start = 0;
  for (const Tensor& x : xs) {
    if (x.numel() == 0) continue;
    copy_into(make_view(y, x.shape(), y.strides(), start * y.strides()[at]), x);
    start += x.shape()[at];
  }
  if (auto* node = record<Cat>(y, xs)) {
    node->axis = at;
    for (const Tensor& x : xs) node->sizes.push_back(joins_all(x) ? 0 : x.shape()[at]);
  }
  return y;
}

Tensor stack(const std::vector<Tensor>& xs, int64_t axis) {
  check<ShapeError>(!xs.empty(), "stack: expected at least one tensor, got none");
  std::vector<Tensor, PoolAllocator<Tensor>> rows;
  for (const Tensor& x : xs) {
    check_defined("stack", x, "a tensor");
    check<ShapeError>(x.shape() == xs[0].shape(), "stack: expected tensors of one shape, got ",
                      xs[0].shape(), " and ", x.shape());
    rows.push_back(unsqueeze(x, axis));
  }
  return cat(rows, normalize_axis("stack", axis, xs[0].rank() + 1));
}

}  // namespace vitro
