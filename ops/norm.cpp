// layer_norm and rms_norm over the last axis.
#include "ops/simd/norm.h"
#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/fused.h"
#include "ops/rows.h"

namespace vitro {

namespace {

enum class Kind { kLayer, kRms };

// x - mean x.  The second step removes the rounding error of the first mean.
Tensor without_mean(const Tensor& x) {
  const Tensor d = x - mean(x, -1, /*keepdim=*/true);
  return d - mean(d, -1, /*keepdim=*/true);
}

// Constants (..., 1) by which the rows are divided before they are squared: the larger of max |d|
// and sqrt(eps).  Undefined if no row needs it.  The first and second derivatives contain the
// powers -3/2 and -5/2 of s = mean d^2 + eps.  With s in [low, high] they neither overflow nor
// underflow.
Tensor row_scale(const Tensor& d, double eps) {
  NoGradGuard unrecorded;
  const Tensor x = d.detach(), squares = mean(x * x, -1, /*keepdim=*/true) + eps;
  const bool narrow = x.dtype() == kFloat32;
  const double low = narrow ? 1e-12 : 1e-100, high = 1 / low;
  if (x.numel() == 0 || (min(squares).item() >= low && max(squares).item() <= high)) return {};
  const Tensor largest =
      maximum(max(abs(x), -1, /*keepdim=*/true).values, full_scalar(std::sqrt(eps), x.dtype()));
  return where(eq(largest, 0), full_scalar(1, x.dtype()), largest);
}

// y = z w + b; for layer_norm z = (x - mean x) / sqrt(var x + eps), for rms_norm
// z = x / sqrt(mean x^2 + eps).  bfloat16 is computed in float32.
Tensor norm_definition(Kind kind, const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
  if (x.dtype() == kBFloat16) {
    const auto wide = [](const Tensor& t) { return t.defined() ? to(t, kFloat32) : t; };
    return to(norm_definition(kind, wide(x), wide(w), wide(b), eps), kBFloat16);
  }
  Tensor d = kind == Kind::kLayer ? without_mean(x) : x, floor = full_scalar(eps, x.dtype());
  if (const Tensor scale = row_scale(d, eps); scale.defined())
    d = d / scale, floor = floor / scale / scale;
  Tensor y = d * rsqrt(mean(d * d, -1, /*keepdim=*/true) + floor);
  if (w.defined()) y = y * w;
  return b.defined() ? y + b : y;
}

// dw and db are summed over blocks of this many rows.  The sums of the blocks are added in order,
// so the result does not depend on the number of threads.
constexpr int64_t kRowBlock = 32;

// simd/norm.h has the formulas of the kernels.
template <class Self>
struct NormOp : Fused<Self> {
  double eps = 0;
  bool has_weight = false;
  Tensor weight() const { return has_weight ? this->input(1) : Tensor(); }
  std::vector<Tensor> values() const {
    const Tensor x = this->input(0);
    // No gradient depends on the values of the bias, so it is not saved; zeros replace it.
    return {x, weight(), this->inputs[2] ? zeros({x.size(-1)}, x.dtype()) : Tensor()};
  }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return norm_definition(Self::kKind, xs[0], xs[1], xs[2], eps);
  }
  TensorList kernel_backward(const Tensor& dy) const {
    const Tensor x = this->input(0), w = weight();
    const int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
    const Tensor wide_x = to(contiguous(x), kFloat32), wide_dy = to(contiguous(dy), kFloat32),
                 wide_w = w.defined() ? to(contiguous(w), kFloat32) : Tensor(),
                 stats = this->extra(0);
    const int64_t blocks = (rows + kRowBlock - 1) / kRowBlock;
    Tensor dx, dw, db;
    if (this->needs(0)) dx = empty(x.shape(), kFloat32);
    if (this->needs(1)) dw = zeros({blocks, n}, kFloat32);
    if (this->needs(2)) db = zeros({blocks, n}, kFloat32);
    const auto at = [n](const Tensor& t, int64_t row) {
      return t.defined() ? raw<float>(t) + row * n : nullptr;
    };
    parallel_for(blocks, grain_of(kCostlyGrain, kRowBlock * n), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * kRowBlock; row < std::min(end * kRowBlock, rows); ++row) {
        const float* s = raw<float>(stats) + row * 3;
        Self::backward_row(at(wide_x, row), at(wide_w, 0), at(wide_dy, row),
                           static_cast<float>(eps), {s[0], s[1], s[2]},
                           {at(dx, row), at(dw, row / kRowBlock), at(db, row / kRowBlock)}, n);
      }
    });
    const auto narrow = [&](const Tensor& t) { return t.defined() ? to(t, x.dtype()) : t; };
    return {narrow(dx), dw.defined() ? narrow(sum(dw, 0)) : dw,
            db.defined() ? narrow(sum(db, 0)) : db};
  }
};

struct LayerNorm final : NormOp<LayerNorm> {
  static constexpr std::string_view kName = "layer_norm";
  static constexpr Kind kKind = Kind::kLayer;
  static constexpr auto forward_row = simd::layer_norm;
  static constexpr auto backward_row = simd::layer_norm_backward;
};
struct RmsNorm final : NormOp<RmsNorm> {
  static constexpr std::string_view kName = "rms_norm";
  static constexpr Kind kKind = Kind::kRms;
  static constexpr auto forward_row = simd::rms_norm;
  static constexpr auto backward_row = simd::rms_norm_backward;
};

void check_norm(std::string_view op, const Tensor& x, const Tensor& w, std::string_view what) {
  if (!w.defined()) return;
  check_same_dtype(op, x, w);
  check<ShapeError>(w.shape() == Shape{x.size(-1)}, op, ": expected a ", what, " ",
                    Shape{x.size(-1)}, " for x ", x.shape(), ", got ", w.shape());
}

template <class T>
Tensor norm_op(const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
  check_floating(T::kName, x);
  check<ShapeError>(x.rank() >= 1, T::kName, ": expected x (..., features), got a scalar");
  check<ValueError>(eps >= 0, T::kName, ": expected an eps of at least 0, got ", eps);
  check_norm(T::kName, x, w, "weight");
  check_norm(T::kName, x, b, "bias");
  const int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
  Tensor stats;
  const Tensor y = fused_value(
      x.dtype(), [&] { return norm_definition(T::kKind, x.detach(), w, b, eps); },
      [&] {
        const Tensor wide = to(contiguous(x.detach()), kFloat32),
                     wide_w = w.defined() ? to(contiguous(w.detach()), kFloat32) : w,
                     wide_b = b.defined() ? to(contiguous(b.detach()), kFloat32) : b;
        Tensor out = empty(x.shape(), kFloat32);
        stats = empty({rows, 3}, kFloat32);
        const float *p = raw<float>(wide), *weight = w.defined() ? raw<float>(wide_w) : nullptr,
                    *bias = b.defined() ? raw<float>(wide_b) : nullptr;
        for_rows(rows, n, [&](int64_t i) {
          const simd::NormRow row = T::forward_row(p + i * n, weight, bias, static_cast<float>(eps),
                                                   raw<float>(out) + i * n, n);
          float* s = raw<float>(stats) + 3 * i;
          s[0] = row.mean, s[1] = row.rest, s[2] = row.rstd;
        });
        return to(out, x.dtype());
      });
  if (auto* node = record<T>(y, x, w, b)) {
    node->eps = eps;
    node->has_weight = w.defined();
    node->save_input(0, x);
    node->save_input(1, w);
    if (stats.defined()) node->save_extra(0, stats);
  }
  return y;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return norm_op<LayerNorm>(x, weight, bias, eps);
}
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return norm_op<RmsNorm>(x, weight, {}, eps);
}

}  // namespace vitro
