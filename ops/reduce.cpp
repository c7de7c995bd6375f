// Reductions that add up: sum, mean, var, norm.
#include "framework/tensor/reduce.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/rows.h"

namespace vitro {

namespace {

// The shapes of a reduction over one axis, or over all axes if `axis` is null.  `kept` is x's shape
// with size 1 in the reduced axes; `shape` is the shape of the result.
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

// How many elements each sum adds up.
double count_of(const Shape& from, const Shape& kept) {
  return static_cast<double>(numel(from)) / static_cast<double>(std::max<int64_t>(1, numel(kept)));
}

// sum x / n.  Multiplying by 1 / n instead would round twice.
template <class T>
Tensor add_up(const Tensor& x, const Reduced& r, double n) {
  Tensor y;
  if (n != 1 && x.dtype() == kBFloat16) {  // rounds once
    NoGradGuard unrecorded;
    y = (reduce_sum(x.detach().to(kFloat32), r.kept) / n).to(kBFloat16);
  } else {
    y = reduce_sum(x, r.kept);
    if (n != 1) {
      NoGradGuard unrecorded;
      y = y / n;
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
    return {expand(reshape(dy / count_of(from, kept), kept), from)};
  }
};
Tensor mean_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  check_floating("mean", x);
  const Reduced r = reduced("mean", x, axis, keepdim);
  return add_up<Mean>(x, r, count_of(x.shape(), r.kept));
}

}  // namespace
Tensor mean(const Tensor& x) { return mean_over(x, nullptr, false); }
Tensor mean(const Tensor& x, int64_t axis, bool keepdim) { return mean_over(x, &axis, keepdim); }

namespace {

// The reduced axis; all axes if absent.
using Axis = std::optional<int64_t>;

// x - mean x.  Subtracts the first element before taking the mean.  The differences are exact where
// x varies little relative to its magnitude, and 0 where x is constant.
Tensor centered(const Tensor& x, const Axis& axis, const Shape& kept) {
  if (x.numel() == 0) return x;
  const Tensor first = make_view(x, kept, x.strides(), x.impl()->offset), d = x - first;
  return d - mean_over(d, axis ? &*axis : nullptr, /*keepdim=*/true);
}

// Whether the elements of each sum are adjacent in memory.
bool is_line(const Tensor& x, const Axis& axis) {
  const int last = x.rank() - 1;
  return x.is_contiguous() &&
         (!axis || last <= 0 || normalize_axis("var", *axis, x.rank()) == last);
}

// The sum of f(begin, end) over chunks of [0, n).  The sums of the chunks are added in order, so
// the result does not depend on the number of threads.
template <class F>
double sum_of_chunks(int64_t n, const F& f) {
  constexpr int64_t kChunk = 65536;
  if (n <= kChunk) return f(0, n);
  std::vector<double, PoolAllocator<double>> parts(static_cast<size_t>((n + kChunk - 1) / kChunk));
  parallel_for(static_cast<int64_t>(parts.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      parts[static_cast<size_t>(c)] = f(c * kChunk, std::min(n, (c + 1) * kChunk));
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

// sum (x - mean x)^2; like `centered`, it subtracts the first element before it takes the mean.
float squared_deviations(const float* x, int64_t n) {
  if (n == 0) return 0;
  const double sum = sum_of_chunks(n, [=](int64_t begin, int64_t end) {
    return simd::sum_of_deviations(x + begin, end - begin, x[0]);
  });
  const auto mean = static_cast<float>(sum / static_cast<double>(n));
  return static_cast<float>(sum_of_chunks(n, [=](int64_t begin, int64_t end) {
    return simd::sum_of_squares(x + begin, end - begin, x[0], mean);
  }));
}

// sum (x - mean x)^2 over the reduced axis of a float32 or float64 x.
Tensor squared_deviations(const Tensor& x, const Axis& axis, const Shape& kept) {
  if (x.dtype() == kFloat64 || !is_line(x, axis)) {
    const Tensor d = centered(x, axis, kept);
    return reduce_sum(d * d, kept);
  }
  const Tensor y = empty(kept, kFloat32);
  const int64_t n = y.numel() ? x.numel() / y.numel() : 0;
  for_rows(y.numel(), n,
           [&](int64_t i) { raw<float>(y)[i] = squared_deviations(raw<float>(x) + i * n, n); });
  return y;
}

// y = sum (x - mean x)^2 / c with c = n - correction   =>   dx = 2 dy (x - mean x) / c
struct Var final : Op<Var> {
  static constexpr std::string_view kName = "var";
  Axis axis;
  Shape kept;
  double divisor = 1;
  TensorList backward(const Tensor& dy) override {
    const DType wide = accumulation_dtype(dtype);
    const Tensor d = centered(input(0).to(wide), axis, kept);
    return {(d * (reshape(dy, kept).to(wide) * (2 / divisor))).to(dtype)};
  }
};
Tensor var_over(const Tensor& x, const Axis& axis, const VarOptions& options) {
  check_floating("var", x);
  check<ValueError>(options.correction >= 0, "var: expected a correction of at least 0, got ",
                    options.correction);
  const Reduced r = reduced("var", x, axis ? &*axis : nullptr, options.keepdim);
  const double divisor =
      std::max(0.0, count_of(x.shape(), r.kept) - static_cast<double>(options.correction));
  Tensor y;
  {
    NoGradGuard unrecorded;
    const Tensor wide = x.detach().to(accumulation_dtype(x.dtype()));
    y = reshape((squared_deviations(wide, axis, r.kept) / divisor).to(x.dtype()), r.shape);
  }
  if (auto* node = record<Var>(y, x)) {
    node->axis = axis;
    node->kept = r.kept;
    node->divisor = divisor;
    node->save_input(0, x);
  }
  return y;
}

}  // namespace
Tensor var(const Tensor& x, const VarOptions& options) { return var_over(x, {}, options); }
Tensor var(const Tensor& x, int64_t axis, const VarOptions& options) {
  return var_over(x, axis, options);
}

namespace {

// sqrt(sum x^2) of n numbers, divided by the largest so that no square overflows.
template <class T>
T scaled_norm(const T* x, int64_t n) {
  double high = 0, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double size = std::abs(static_cast<double>(x[i]));
    if (size != size) return x[i];
    high = std::max(high, size);
  }
  if (high == 0 || std::isinf(high)) return static_cast<T>(high);
  for (int64_t i = 0; i < n; ++i) {
    const double z = static_cast<double>(x[i]) / high;
    total += z * z;
  }
  return static_cast<T>(high * std::sqrt(total));
}

// y = sqrt(squares), where each element of `squares` is a sum of n squares.  Computes an element of
// y again if its sum overflowed, or is so small that some squares may have underflowed.  The summed
// axis of x is the last one.
template <class T>
void mend_norms(const Tensor& y, const Tensor& squares, const Tensor& x, int64_t n) {
  using Limits = std::numeric_limits<T>;
  const T low = static_cast<T>(n) * (Limits::min() / Limits::epsilon());
  const Walk<1> places(y.shape(), {y.strides()});
  const auto is_fine = [=](T square) { return low <= square && square <= Limits::max(); };
  if (std::all_of(raw<T>(squares), raw<T>(squares) + squares.numel(), is_fine)) return;
  const Tensor lines = contiguous(x);
  int64_t line = 0;
  places.range(0, y.numel(), [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count; ++i, ++line) {
      const int64_t place = at[0] + i * places.step(0);
      if (!is_fine(raw<T>(squares)[place]))
        raw<T>(y)[place] = scaled_norm(raw<T>(lines) + line * n, n);
    }
  });
}

// y = sqrt(sum x^2)   =>   dx = dy x / y, but 0 where y = 0
struct Norm final : Op<Norm> {
  static constexpr std::string_view kName = "norm";
  Shape kept;
  TensorList backward(const Tensor& dy) override {
    const Tensor y = reshape(output(), kept);
    const Tensor is_zero = eq(y.detach(), 0);
    return {masked_fill(reshape(dy, kept), is_zero, 0) *
            (input(0) / where(is_zero, full_scalar(1, dtype), y))};
  }
};
Tensor norm_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  check_floating("norm", x);
  const Reduced r = reduced("norm", x, axis, keepdim);
  Tensor y;
  {
    NoGradGuard unrecorded;
    const Tensor wide = x.detach().to(accumulation_dtype(x.dtype())),
                 squares = reduce_sum(wide * wide, r.kept), roots = sqrt(squares);
    const int64_t n = squares.numel() ? x.numel() / squares.numel() : 0;
    const auto last = [&](const Tensor& t) { return axis ? transpose(t, *axis, -1) : t; };
    if (wide.dtype() == kFloat32) mend_norms<float>(last(roots), squares, last(wide), n);
    else mend_norms<double>(last(roots), squares, last(wide), n);
    y = reshape(roots.to(x.dtype()), r.shape);
  }
  if (auto* node = record<Norm>(y, x)) {
    node->kept = r.kept;
    node->save_input(0, x);
    node->save_output(y);
  }
  return y;
}

}  // namespace
Tensor norm(const Tensor& x) { return norm_over(x, nullptr, false); }
Tensor norm(const Tensor& x, int64_t axis, bool keepdim) { return norm_over(x, &axis, keepdim); }

}  // namespace vitro
