// softmax and log_softmax along any axis.
#include <cmath>

#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/fused.h"
#include "ops/rows.h"

namespace vitro {

namespace {

Tensor normalized(std::string_view op, const Tensor& x, int64_t axis, bool log) {
  int at = normalize_axis(op, axis, x.rank());
  Tensor rows = rows_along(x, at), y = empty(rows.shape(), x.dtype());
  const int64_t n = rows.shape().back();
  if (y.numel() == 0) return back_in_place(y, at);
  if (x.dtype() == kFloat64) {
    const double* p = raw<double>(rows);
    double* q = raw<double>(y);
    for_rows(y.numel() / n, n, [=](int64_t i) {
      const double high = plain_max(p + i * n, n), total = plain_total(p + i * n, n, high),
                   log_total = std::log(total);
      for (int64_t j = i * n; j < (i + 1) * n; ++j)
        q[j] = log ? p[j] - high - log_total : std::exp(p[j] - high) / total;
    });
  } else {
    rows_in_float(y, rows, n, [&](const float* p, float* q) {
      log ? simd::log_softmax(p, q, n) : simd::softmax(p, q, n);
    });
  }
  return back_in_place(y, at);
}

// dx, computed row by row by kernel(y, dy, dx, n) in float32.
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
  check_floating("softmax", x);
  if (x.rank() == 0) return as_line(x, [=](const Tensor& line) { return softmax(line, axis); });
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
  check_floating("log_softmax", x);
  if (x.rank() == 0) return as_line(x, [=](const Tensor& line) { return log_softmax(line, axis); });
  Tensor y = normalized("log_softmax", x, axis, /*log=*/true);
  if (auto* node = record<LogSoftmax>(y, x)) {
    node->axis = normalize_axis("log_softmax", axis, x.rank());
    node->save_output(y);
  }
  return y;
}

}  // namespace vitro
