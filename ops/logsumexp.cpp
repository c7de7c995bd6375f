// logsumexp along any axis.
#include <cmath>
#include <limits>

#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "ops/rows.h"

namespace vitro {

namespace {
// log sum_j e^x_j = high + log sum_j e^(x_j - high).  Subtracting high = max x avoids overflow.
double plain_logsumexp(const double* x, int64_t n) {
  const double high = plain_max(x, n);
  return std::isfinite(high) ? high + std::log(plain_total(x, n, high)) : high;
}
// y = log sum_j e^x_j   =>   dx = dy softmax(x)
// If y is infinite, dx = dy e^(x - y).  If all x_j are -infinity, dx = 0.
struct LogSumExp final : Op<LogSumExp> {
  static constexpr std::string_view kName = "logsumexp";
  Shape kept;  // y's shape with the reduced axis kept, of size 1
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const Tensor x = input(0), g = reshape(dy, kept), y = reshape(output().detach(), kept),
                 is_infinite = eq(abs(y), kInfinity);
    if (sum(is_infinite).item<int64_t>() == 0) return {g * softmax(x, axis)};
    const Tensor p = softmax(masked_fill(x, is_infinite, 0), axis);
    return {g * where(is_infinite, exp(x - masked_fill(y, eq(y, -kInfinity), 0)), p)};
  }
};
}  // namespace
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim) {
  check_floating("logsumexp", x);
  if (x.rank() == 0) return as_line(x, [=](const Tensor& line) { return logsumexp(line, axis); });
  int at = normalize_axis("logsumexp", axis, x.rank());
  Shape kept = x.shape(), shape = kept;
  kept[at] = 1;
  shape.erase(at);
  Tensor rows = rows_along(x, at), y = empty(keepdim ? kept : shape, x.dtype());
  const int64_t n = x.shape()[at];
  if (x.dtype() == kFloat64) {
    for_rows(y.numel(), n,
             [&](int64_t i) { raw<double>(y)[i] = plain_logsumexp(raw<double>(rows) + i * n, n); });
  } else {
    Tensor wide = rows.to(kFloat32), result = empty(y.shape(), kFloat32);
    for_rows(y.numel(), n, [&](int64_t i) {
      raw<float>(result)[i] = simd::logsumexp(raw<float>(wide) + i * n, n);
    });
    copy_into(y, result);
  }
  if (at != x.rank() - 1) {  // y's elements are in the order of the moved axes: move them back
    Shape moved = rows.shape();
    moved[x.rank() - 1] = 1;
    NoGradGuard unrecorded;
    Tensor placed = transpose(make_view(y, moved, row_major(moved), 0), at, -1);
    y = reshape(placed, keepdim ? kept : shape);
  }
  if (auto* node = record<LogSumExp>(y, x)) {
    node->kept = kept;
    node->axis = at;
    node->save_input(0, x);
    node->save_output(y);
  }
  return y;
}

}  // namespace vitro
