// softmax, log_softmax and logsumexp along any axis.
#include <cmath>
#include <limits>

#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/fused.h"
#include "ops/rows.h"

namespace vitro {

namespace {

// max x, or NaN if there is one
double plain_max(const double* x, int64_t n) {
  double high = -std::numeric_limits<double>::infinity();
  for (int64_t j = 0; j < n; ++j) high = x[j] > high || x[j] != x[j] ? x[j] : high;
  return high;
}

// sum_j e^(x_j - high)
double plain_total(const double* x, int64_t n, double high) {
  double total = 0;
  for (int64_t j = 0; j < n; ++j) total += std::exp(x[j] - high);
  return total;
}

Tensor normalized(std::string_view op, const Tensor& x, int64_t axis, bool log) {
  check_floating(op, x);
  check<ShapeError>(x.rank() > 0, op, ": at least one axis: got a scalar");
  int at = normalize_axis(op, axis, x.rank());
  Tensor rows = rows_along(x, at), y = empty(rows.shape(), x.dtype());
  const int64_t n = rows.shape().back();
  if (y.numel() == 0) return back_in_place(y, at);
  if (x.dtype() == kFloat64) {
    const double* p = raw<double>(rows);
    double* q = raw<double>(y);
    for_rows(y.numel() / n, n, [=](int64_t i) {
      const double high = plain_max(p + i * n, n), total = plain_total(p + i * n, n, high),
                   shift = high + std::log(total);
      for (int64_t j = i * n; j < (i + 1) * n; ++j)
        q[j] = log ? p[j] - shift : std::exp(p[j] - high) / total;
    });
  } else {
    rows_in_float(y, rows, n, [&](const float* p, float* q) {
      log ? simd::log_softmax(p, q, n) : simd::softmax(p, q, n);
    });
  }
  return back_in_place(y, at);
}

// dx for rows of y and dy with `kernel(y, dy, dx, n)`.
template <class Kernel>
Tensor backward_rows(const Tensor& y, const Tensor& dy, int axis, Kernel kernel) {
  Tensor a = rows_along(y, axis).to(kFloat32), b = rows_along(dy, axis).to(kFloat32),
         dx = empty(a.shape(), kFloat32);
  const int64_t n = a.shape().back();
  for_rows(n ? a.numel() / n : 0, n, [&](int64_t i) {
    kernel(raw<float>(a) + i * n, raw<float>(b) + i * n, raw<float>(dx) + i * n, n);
  });
  return back_in_place(dx, axis).to(y.dtype());
}

}  // namespace

namespace {
// y = softmax(x)   =>   dx = y (dy - sum(y dy))
struct Softmax final : Op<Softmax> {
  static constexpr std::string_view kName = "softmax";
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    if (!by_definition(dtype)) return {backward_rows(y, dy, axis, simd::softmax_backward)};
    return {y * (dy - sum(y * dy, axis, /*keepdim=*/true))};
  }
};
}  // namespace
Tensor softmax(const Tensor& x, int64_t axis) {
  Tensor y = normalized("softmax", x, axis, /*log=*/false);
  if (auto* node = record<Softmax>(y, x)) {
    node->axis = normalize_axis("softmax", axis, x.rank());
    node->save_output(y);
  }
  return y;
}

namespace {
// y = log softmax(x)   =>   dx = dy - e^y sum(dy)
struct LogSoftmax final : Op<LogSoftmax> {
  static constexpr std::string_view kName = "log_softmax";
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    if (!by_definition(dtype)) return {backward_rows(y, dy, axis, simd::log_softmax_backward)};
    return {dy - exp(y) * sum(dy, axis, /*keepdim=*/true)};
  }
};
}  // namespace
Tensor log_softmax(const Tensor& x, int64_t axis) {
  Tensor y = normalized("log_softmax", x, axis, /*log=*/true);
  if (auto* node = record<LogSoftmax>(y, x)) {
    node->axis = normalize_axis("log_softmax", axis, x.rank());
    node->save_output(y);
  }
  return y;
}

namespace {
// log sum_j e^x_j, from the largest so that e^x cannot overflow
double plain_logsumexp(const double* x, int64_t n) {
  const double high = plain_max(x, n);
  return std::isfinite(high) ? high + std::log(plain_total(x, n, high)) : high;
}
// y = log sum_j e^x_j   =>   dx = dy e^(x - y)
struct LogSumExp final : Op<LogSumExp> {
  static constexpr std::string_view kName = "logsumexp";
  Shape kept;  // y's shape with the axis of size 1
  TensorList backward(const Tensor& dy) override {
    return {reshape(dy, kept) * exp(input(0) - reshape(output(), kept))};
  }
};
}  // namespace
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim) {
  check_floating("logsumexp", x);
  check<ShapeError>(x.rank() > 0, "logsumexp: at least one axis: got a scalar");
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
  if (at != x.rank() - 1) {  // rows lie in the order of the moved axes
    Shape moved = rows.shape();
    moved[x.rank() - 1] = 1;
    NoGradGuard unrecorded;
    Tensor placed = transpose(make_view(y, moved, row_major(moved), 0), at, -1);
    y = reshape(placed, keepdim ? kept : shape);
  }
  if (auto* node = record<LogSumExp>(y, x)) {
    node->kept = kept;
    node->save_input(0, x);
    node->save_output(y);
  }
  return y;
}

}  // namespace vitro
