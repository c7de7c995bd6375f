// Masks: values replaced where a mask, or a triangle, says so.
#include "framework/elementwise.h"
#include "ops/ops.h"

namespace vitro {

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  check_defined("masked_fill", x, "the tensor");
  check_defined("masked_fill", mask, "the mask");
  check<ShapeError>(broadcast("masked_fill", x.shape(), mask.shape()) == x.shape(),
                    "masked_fill: a mask that broadcasts to ", x.shape(),
                    " expected: ", mask.shape());
  return where(mask, full_scalar(value, x.dtype()), x);
}

Tensor tril(const Tensor& x, int64_t diagonal) {
  check_defined("tril", x, "the tensor");
  check<ShapeError>(x.rank() >= 2, "tril: x must be (..., rows, columns): got ", x.shape());
  const int64_t rows = x.size(-2), columns = x.size(-1);
  Tensor keep = empty({rows, columns}, kBool);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) raw<bool>(keep)[i * columns + j] = j - i <= diagonal;
  return where(keep, x, full_scalar(0, x.dtype()));
}

}  // namespace vitro
