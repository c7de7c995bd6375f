// The arithmetic of shapes, strides and axes.
#include "framework/tensor/shape.h"

#include <limits>

namespace vitro {

Shape::Shape(std::span<const int64_t> sizes) {
  check<ShapeError>(sizes.size() <= kMaxRank, "Shape: expected at most ", kMaxRank, " axes, got ",
                    sizes.size());
  for (int64_t size : sizes) sizes_[rank_++] = size;
}

void Shape::insert(int axis, int64_t size) {
  check<ShapeError>(rank_ < kMaxRank, "Shape: expected at most ", kMaxRank,
                    " axes, got one more than ", *this);
  for (int i = rank_++; i > axis; --i) sizes_[i] = sizes_[i - 1];
  sizes_[axis] = size;
}

void Shape::erase(int axis) {
  for (int i = axis; i + 1 < rank_; ++i) sizes_[i] = sizes_[i + 1];
  --rank_;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
  return out << (shape.rank() == 1 ? ",)" : ")");
}

int64_t checked_numel(std::string_view op, const Shape& shape, DType dtype) {
  int64_t bytes = static_cast<int64_t>(item_size(dtype));
  bool fits = true, zero = false;
  for (int64_t size : shape) {
    check<ShapeError>(size >= 0, op, ": expected sizes of at least 0, got ", shape);
    zero |= size == 0;
    fits &= !__builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes);
  }
  check<ShapeError>(fits, op, ": expected a shape of at most 2^63 - 1 bytes, got ", dtype, " ",
                    shape);
  return zero ? 0 : bytes / static_cast<int64_t>(item_size(dtype));
}

Strides row_major(const Shape& shape) {
  Strides strides = shape;
  int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

bool is_row_major(const Shape& shape, const Strides& strides) {
  int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

int normalize_axis(std::string_view op, int64_t axis, int rank) {
  int64_t n = std::max(rank, 1);
  check<ShapeError>(-n <= axis && axis < n, op, ": expected an axis in [", -n, ", ", n - 1,
                    "], got ", axis);
  return static_cast<int>(axis < 0 ? axis + n : axis);
}

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  Shape out = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  int lead = out.rank() - shorter.rank();
  for (int i = 0; i < shorter.rank(); ++i) {
    int64_t x = out[lead + i], y = shorter[i];
    check<ShapeError>(x == y || x == 1 || y == 1, op, ": expected shapes that broadcast, got ", a,
                      " and ", b);
    out[lead + i] = x == 1 ? y : x;
  }
  return out;
}

Strides expanded_strides(const Shape& shape, const Strides& strides, const Shape& target) {
  Strides out = target;
  int lead = target.rank() - shape.rank();
  for (int i = 0; i < target.rank(); ++i)
    out[i] = i < lead || shape[i - lead] != target[i] ? 0 : strides[i - lead];
  return out;
}

}  // namespace vitro
