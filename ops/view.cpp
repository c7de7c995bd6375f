// Views share the storage of x.  They have another shape, another order of axes, or fewer elements.
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// y = x in another shape   =>   dx = dy in x's shape
struct Reshape final : Op<Reshape> {
  static constexpr std::string_view kName = "reshape";
  Shape from;
  TensorList backward(const Tensor& dy) override { return {reshape(dy, from)}; }
};

struct Part {
  int axis;
  int64_t start, stop, step;
};

Tensor view_of(const Tensor& x, const Part& part) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape[part.axis] =
      part.stop > part.start ? (part.stop - part.start + part.step - 1) / part.step : 0;
  int64_t offset = x.impl()->offset + (shape[part.axis] ? part.start * strides[part.axis] : 0);
  strides[part.axis] *= part.step;
  return make_view(x, shape, strides, offset);
}

Tensor embed_slice(const Tensor& dy, const Shape& shape, const Part& part);

// y = zeros with x in one slice   =>   dx = that slice of dy
struct EmbedSlice final : Op<EmbedSlice> {
  static constexpr std::string_view kName = "embed_slice";
  Part part{};
  TensorList backward(const Tensor& dy) override {
    return {slice(dy, part.axis, part.start, part.stop, part.step)};
  }
};

Tensor embed_slice(const Tensor& dy, const Shape& shape, const Part& part) {
  Tensor y = zeros(shape, dy.dtype());
  copy_into(view_of(y, part), dy);
  if (auto* node = record<EmbedSlice>(y, dy)) node->part = part;
  return y;
}

// The strides that view x's elements in `shape` without a copy, if they exist.
std::optional<Strides> reshaped_strides(const Tensor& x, const Shape& shape) {
  if (x.is_contiguous()) return row_major(shape);
  Strides out = row_major(shape);
  int to = shape.rank() - 1;
  for (int from = x.rank() - 1; from >= 0;) {
    int64_t step = x.strides()[from], run = x.shape()[from--];
    while (from >= 0 && (x.shape()[from] == 1 || run == 1 || x.strides()[from] == run * step)) {
      if (run == 1) step = x.strides()[from];
      run *= x.shape()[from--];
    }
    int64_t covered = 1;
    while (to >= 0 && covered < run) {
      out[to] = step * covered;
      covered *= shape[to--];
    }
    if (covered != run) return std::nullopt;
  }
  return out;
}

Shape resolve(std::string_view op, const Tensor& x, const Shape& wanted) {
  Shape shape = wanted;
  int inferred = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) continue;
    check<ShapeError>(inferred < 0, op, ": expected at most one size of -1, got ", wanted);
    inferred = i;
    shape[i] = 1;
  }
  int64_t n = checked_numel(op, shape, x.dtype());
  if (inferred >= 0 && n > 0 && x.numel() % n == 0) shape[inferred] = x.numel() / n;
  check<ShapeError>(numel(shape) == x.numel() && (inferred < 0 || n > 0), op,
                    ": expected a shape for the ", x.numel(), " elements of ", x.shape(), ", got ",
                    wanted);
  return shape;
}

Tensor reshaped(const Tensor& x, const Shape& shape, const Strides& strides) {
  if (x.shape() == shape) return x;
  Tensor y = make_view(x, shape, strides, x.impl()->offset);
  if (auto* node = record<Reshape>(y, x)) node->from = x.shape();
  return y;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& wanted) {
  check_defined("reshape", x, "the tensor");
  Shape shape = resolve("reshape", x, wanted);
  if (auto strides = reshaped_strides(x, shape)) return reshaped(x, shape, *strides);
  return reshaped(clone(x), shape, row_major(shape));
}

Tensor view(const Tensor& x, const Shape& wanted) {
  check_defined("view", x, "the tensor");
  Shape shape = resolve("view", x, wanted);
  auto strides = reshaped_strides(x, shape);
  check<ShapeError>(strides.has_value(), "view: expected a tensor that needs no copy to become ",
                    shape, ", got ", x.shape(), " with strides ", x.strides(), "; use reshape");
  return reshaped(x, shape, *strides);
}

Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  check_defined("flatten", x, "the tensor");
  if (x.rank() == 0) return reshape(x, {1});
  int first = normalize_axis("flatten", start, x.rank()),
      last = normalize_axis("flatten", end, x.rank());
  check<ShapeError>(first <= last, "flatten: expected a start at or before the end, got axes ",
                    first, " and ", last);
  Shape shape = x.shape();
  for (int axis = last; axis > first; --axis) {
    shape[axis - 1] *= shape[axis];
    shape.erase(axis);
  }
  return reshape(x, shape);
}

namespace {
// y_... = x with its axes reordered   =>   dx = dy in the old order
struct Permute final : Op<Permute> {
  static constexpr std::string_view kName = "permute";
  Shape axes;
  TensorList backward(const Tensor& dy) override {
    Shape back = axes;
    for (int i = 0; i < axes.rank(); ++i) back[static_cast<int>(axes[i])] = i;
    return {permute(dy, back)};
  }
};
}  // namespace
Tensor permute(const Tensor& x, const Shape& wanted) {
  check_defined("permute", x, "the tensor");
  check<ShapeError>(wanted.rank() == x.rank(), "permute: expected ", x.rank(), " axes, got ",
                    wanted);
  Shape axes = wanted, shape = x.shape();
  Strides strides = x.strides();
  unsigned seen = 0;
  for (int i = 0; i < axes.rank(); ++i) {
    int axis = normalize_axis("permute", wanted[i], x.rank());
    check<ShapeError>(!(seen & (1u << axis)), "permute: expected each axis once, got ", wanted);
    seen |= 1u << axis;
    axes[i] = axis;
    shape[i] = x.shape()[axis];
    strides[i] = x.strides()[axis];
  }
  Tensor y = make_view(x, shape, strides, x.impl()->offset);
  if (auto* node = record<Permute>(y, x)) node->axes = axes;
  return y;
}

Tensor transpose(const Tensor& x, int64_t a, int64_t b) {
  check_defined("transpose", x, "the tensor");
  int first = normalize_axis("transpose", a, x.rank()),
      second = normalize_axis("transpose", b, x.rank());
  if (x.rank() == 0) return x;
  Shape axes = x.shape();
  for (int i = 0; i < axes.rank(); ++i) axes[i] = i;
  std::swap(axes[first], axes[second]);
  return permute(x, axes);
}

Tensor t(const Tensor& x) {
  check_defined("t", x, "the tensor");
  check<ShapeError>(x.rank() <= 2, "t: expected at most two axes, got ", x.shape(),
                    "; use transpose");
  return x.rank() < 2 ? x : transpose(x, 0, 1);
}

Tensor squeeze(const Tensor& x) {
  check_defined("squeeze", x, "the tensor");
  Shape shape = x.shape();
  for (int axis = x.rank(); axis-- > 0;)
    if (shape[axis] == 1) shape.erase(axis);
  return reshape(x, shape);
}
Tensor squeeze(const Tensor& x, int64_t axis) {
  check_defined("squeeze", x, "the tensor");
  int at = normalize_axis("squeeze", axis, x.rank());
  Shape shape = x.shape();
  if (x.rank() == 0 || shape[at] != 1) return x;
  shape.erase(at);
  return reshape(x, shape);
}
Tensor unsqueeze(const Tensor& x, int64_t axis) {
  check_defined("unsqueeze", x, "the tensor");
  Shape shape = x.shape();
  shape.insert(normalize_axis("unsqueeze", axis, x.rank() + 1), 1);
  return reshape(x, shape);
}

namespace {
// y = x[start:stop:step] along an axis   =>   dx = dy there, 0 elsewhere
struct SliceOp final : Op<SliceOp> {
  static constexpr std::string_view kName = "slice";
  Shape from;
  Part part{};
  TensorList backward(const Tensor& dy) override {
    if (grad_enabled()) return {embed_slice(dy, from, part)};
    add_into(view_of(accumulator(0), part), dy);
    return {Tensor()};
  }
};
}  // namespace
Tensor slice(const Tensor& x, int64_t axis, int64_t start, int64_t stop, int64_t step) {
  check_defined("slice", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "slice: expected a tensor with axes, got a scalar");
  check<ShapeError>(step >= 1, "slice: expected a step of at least 1, got ", step);
  int at = normalize_axis("slice", axis, x.rank());
  int64_t n = x.shape()[at];
  auto clip = [n](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? std::max<int64_t>(i, -n) + n : i, 0, n);
  };
  Part part{at, clip(start), clip(stop), std::min(step, std::max<int64_t>(n, 1))};
  Tensor y = view_of(x, part);
  if (auto* node = record<SliceOp>(y, x)) {
    node->from = x.shape();
    node->part = part;
  }
  return y;
}

Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length) {
  check_defined("narrow", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "narrow: expected a tensor with axes, got a scalar");
  int64_t n = x.shape()[normalize_axis("narrow", axis, x.rank())];
  int64_t first = start < 0 ? start + n : start;
  check<ShapeError>(first >= 0 && length >= 0 && first <= n && length <= n - first,
                    "narrow: expected a range within the axis of size ", n, ", got ", length,
                    " elements from ", start);
  return slice(x, axis, first, first + length);
}

Tensor select(const Tensor& x, int64_t axis, int64_t index) {
  check_defined("select", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "select: expected a tensor with axes, got a scalar");
  int at = normalize_axis("select", axis, x.rank());
  int64_t n = x.shape()[at];
  check<ShapeError>(-n <= index && index < n, "select: expected an index in [", -n, ", ", n,
                    ") for axis ", at, " of size ", n, ", got ", index);
  int64_t first = index < 0 ? index + n : index;
  Tensor part = slice(x, at, first, first + 1);
  Shape shape = part.shape();
  shape.erase(at);
  Strides strides = part.strides();
  strides.erase(at);
  return reshaped(part, shape, strides);
}

}  // namespace vitro
