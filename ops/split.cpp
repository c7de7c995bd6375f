// split and chunk cut an axis into views.
#include <new>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis) try {
  check_defined("split", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "split: expected a tensor with axes, got a scalar");
  const int at = normalize_axis("split", axis, x.rank());
  int64_t rest = x.shape()[at];
  std::vector<Tensor> parts;
  for (int64_t size : sizes) {
    check<ShapeError>(0 <= size && size <= rest, "split: expected sizes that add up to ",
                      x.shape()[at], ", got ", size, " where ", rest, " are left");
    parts.push_back(narrow(x, at, x.shape()[at] - rest, size));
    rest -= size;
  }
  check<ShapeError>(rest == 0, "split: expected sizes that add up to ", x.shape()[at], ", got ",
                    x.shape()[at] - rest, " in all");
  return parts;
} catch (const std::bad_alloc&) { fail_memory(); }

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis) try {
  check_defined("split", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "split: expected a tensor with axes, got a scalar");
  check<ShapeError>(size >= 1, "split: expected a size of at least 1, got ", size);
  const int64_t n = x.shape()[normalize_axis("split", axis, x.rank())];
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i == 0 || i < n; i += size) {
    sizes.push_back(std::min(size, n - i));
    if (size >= n) break;
  }
  return split(x, sizes, axis);
} catch (const std::bad_alloc&) { fail_memory(); }

std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t axis) {
  check_defined("chunk", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "chunk: expected a tensor with axes, got a scalar");
  check<ShapeError>(n >= 1, "chunk: expected at least one chunk, got ", n);
  const int64_t length = x.shape()[normalize_axis("chunk", axis, x.rank())];
  return split(x, std::max<int64_t>(1, length / n + (length % n != 0)), axis);
}

}  // namespace vitro
