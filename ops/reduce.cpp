// Reductions to sums: sums, means, variances, norms.
#include "framework/tensor/reduce.h"

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// The shape after reducing one axis, with and without it; a null axis means all.
struct Reduced {
  Shape kept, shape;
};
Reduced reduced(std::string_view op, const Tensor& x, const int64_t* axis, bool keepdim) {
  check_defined(op, x, "the tensor");
  Reduced r{x.shape(), x.shape()};
  if (axis) {
    int at = normalize_axis(op, *axis, x.rank());
    if (x.rank() == 0) return r;
    r.kept[at] = 1;
    r.shape[at] = 1;
    if (!keepdim) r.shape.erase(at);
  } else {
    for (int i = 0; i < x.rank(); ++i) r.kept[i] = 1;
    r.shape = keepdim ? r.kept : Shape();
  }
  return r;
}

// How many elements are added up to each.
double count_of(const Tensor& x, const Reduced& r) {
  return static_cast<double>(x.numel()) / static_cast<double>(std::max<int64_t>(1, numel(r.kept)));
}

template <class T>
Tensor add_up(const Tensor& x, const Reduced& r, double scale) {
  Tensor y;
  if (scale != 1 && x.dtype() == kBFloat16) {  // one rounding
    NoGradGuard unrecorded;
    y = (reduce_sum(x.detach().to(kFloat32), r.kept) * scale).to(kBFloat16);
  } else {
    y = reduce_sum(x, r.kept);
    if (scale != 1) {
      NoGradGuard unrecorded;
      y = y * scale;
    }
  }
  y = make_view(y, r.shape, row_major(r.shape), 0);
  if (auto* node = record<T>(y, x)) {
    node->from = x.shape();
    node->kept = r.kept;
  }
  return y;
}

// y = sum x over axes   =>   dx = dy repeated along them
struct Sum : Op<Sum> {
  static constexpr std::string_view kName = "sum";
  Shape from, kept;
  TensorList backward(const Tensor& dy) override { return {expand(reshape(dy, kept), from)}; }
};
Tensor sum_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  const Reduced r = reduced("sum", x, axis, keepdim);
  return add_up<Sum>(is_floating(x.dtype()) ? x : x.to(kInt64), r, 1);
}

}  // namespace
Tensor sum(const Tensor& x) { return sum_over(x, nullptr, false); }
Tensor sum(const Tensor& x, int64_t axis, bool keepdim) { return sum_over(x, &axis, keepdim); }

namespace {

// y = sum x / n   =>   dx = dy / n repeated
struct Mean final : Op<Mean> {
  static constexpr std::string_view kName = "mean";
  Shape from, kept;
  TensorList backward(const Tensor& dy) override {
    const double n =
        static_cast<double>(numel(from)) / static_cast<double>(std::max<int64_t>(1, numel(kept)));
    return {expand(reshape(dy * (1 / n), kept), from)};
  }
};
Tensor mean_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  check_floating("mean", x);
  const Reduced r = reduced("mean", x, axis, keepdim);
  return add_up<Mean>(x, r, 1 / count_of(x, r));
}

}  // namespace
Tensor mean(const Tensor& x) { return mean_over(x, nullptr, false); }
Tensor mean(const Tensor& x, int64_t axis, bool keepdim) { return mean_over(x, &axis, keepdim); }

static Tensor var_over(const Tensor& x, const int64_t* axis, const VarOptions& options) {
  check_floating("var", x);
  check<ValueError>(options.correction >= 0, "var: correction must not be negative: got ",
                    options.correction);
  const double n = count_of(x, reduced("var", x, axis, options.keepdim));
  const Tensor d = x - mean_over(x, axis, /*keepdim=*/true);
  return sum_over(d * d, axis, options.keepdim) /
         std::max(0.0, n - static_cast<double>(options.correction));
}
Tensor var(const Tensor& x, const VarOptions& options) { return var_over(x, nullptr, options); }
Tensor var(const Tensor& x, int64_t axis, const VarOptions& options) {
  return var_over(x, &axis, options);
}

// sqrt, with slope 0 at 0.
static Tensor root(const Tensor& squares) {
  Tensor is_zero = eq(squares, 0);
  return where(is_zero, squares, sqrt(where(is_zero, full_scalar(1, squares.dtype()), squares)));
}
Tensor norm(const Tensor& x) {
  check_floating("norm", x);
  return root(sum(x * x));
}
Tensor norm(const Tensor& x, int64_t axis, bool keepdim) {
  check_floating("norm", x);
  return root(sum(x * x, axis, keepdim));
}

}  // namespace vitro
