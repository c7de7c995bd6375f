// masked_fill, tril and triu.  They replace values where a mask is true, or outside a triangle.
#include <algorithm>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

enum class Side { kLower, kUpper };

// A copy of x that is 0 on one side of the diagonal.  `side` is the side that is copied.
Tensor triangle(std::string_view op, const Tensor& x, int64_t diagonal, Side side) {
  check_defined(op, x, "the tensor");
  check<ShapeError>(x.rank() >= 2, op, ": expected x (..., rows, columns), got ", x.shape());
  NoGradGuard unrecorded;
  const int64_t rows = x.size(-2), columns = x.size(-1);
  const int64_t shift = std::clamp(diagonal, -rows, columns);
  Tensor y = clone(x.detach());
  visit_dtype(y.dtype(), [&]<class T>() {
    T* p = raw<T>(y);
    parallel_for(columns ? y.numel() / columns : 0, grain_of(kCheapGrain, columns),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row) {
                     T* q = p + row * columns;
                     const int64_t i = row % rows + shift;  // the diagonal's column
                     if (side == Side::kLower)
                       std::fill(q + std::clamp<int64_t>(i + 1, 0, columns), q + columns, T(0));
                     else std::fill(q, q + std::clamp<int64_t>(i, 0, columns), T(0));
                   }
                 });
  });
  return y;
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Number& value) {
  check_defined("masked_fill", x, "the tensor");
  check_defined("masked_fill", mask, "the mask");
  broadcast("masked_fill", x.shape(), mask.shape());
  return where(mask, full_scalar(value, x.dtype(), "masked_fill"), x);
}

namespace {
// y_ij = x_ij where j - i <= diagonal, else 0   =>   dx = tril(dy)
struct Tril final : Op<Tril> {
  static constexpr std::string_view kName = "tril";
  int64_t diagonal = 0;
  TensorList backward(const Tensor& dy) override { return {tril(dy, diagonal)}; }
};
}  // namespace
Tensor tril(const Tensor& x, int64_t diagonal) {
  Tensor y = triangle("tril", x, diagonal, Side::kLower);
  if (auto* node = record<Tril>(y, x)) node->diagonal = diagonal;
  return y;
}

namespace {
// y_ij = x_ij where j - i >= diagonal, else 0   =>   dx = triu(dy)
struct Triu final : Op<Triu> {
  static constexpr std::string_view kName = "triu";
  int64_t diagonal = 0;
  TensorList backward(const Tensor& dy) override { return {triu(dy, diagonal)}; }
};
}  // namespace
Tensor triu(const Tensor& x, int64_t diagonal) {
  Tensor y = triangle("triu", x, diagonal, Side::kUpper);
  if (auto* node = record<Triu>(y, x)) node->diagonal = diagonal;
  return y;
}

}  // namespace vitro
