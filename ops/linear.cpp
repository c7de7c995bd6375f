// linear: x W^T + b.  An activation is fused if its derivative is a function of its output.
#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/activation_kernels.h"
#include "ops/fused.h"
#include "ops/product.h"

namespace vitro {

namespace {

// y = f(z), z = x W^T + b   =>   dz = dy f'(z),  dx = dz W,  dW = dz^T x,  db = sum of dz's rows
struct Linear final : Op<Linear> {
  static constexpr std::string_view kName = "linear";
  Activation f = Activation::kNone;
  TensorList backward(const Tensor& dy) override {
    Tensor dz = as_rows(through_activation(dy)), dx, dw, db;
    if (needs(0)) dx = reshape(matmul(dz, input(1)), inputs[0]->shape);
    if (needs(1)) {
      Tensor x = input(0);
      dw = matmul(t(dz), as_rows(x));
    }
    if (needs(2)) db = sum_to(dz, {dz.size(-1)});
    return {dx, dw, db};
  }

  // relu' = 0 where y <= 0, else 1,  tanh' = 1 - y^2,  sigmoid' = y (1 - y)
  Tensor through_activation(const Tensor& dy) const {
    if (f == Activation::kNone) return dy;
    Tensor y = output();
    if (f == Activation::kRelu)
      return by_definition(dtype) ? masked_fill(dy, le(y.detach(), 0), 0)
                                  : backward_kernel(kReluKernels, y, dy);
    return f == Activation::kTanh ? dy - dy * y * y : dy * y * (1.0 - y);
  }
};

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_same_dtype("linear", x, weight);
  check_floating("linear", x);
  check<ShapeError>(weight.rank() == 2, "linear: expected a weight (out, in), got ",
                    weight.shape());
  check<ShapeError>(x.rank() >= 1, "linear: expected x (..., in), got a scalar");
  check<ShapeError>(x.shape().back() == weight.shape()[1], "linear: expected ", weight.shape()[1],
                    " features for weight ", weight.shape(), ", got ", x.shape().back(), " in x ",
                    x.shape());
  if (!bias.defined()) return;
  check_same_dtype("linear", x, bias);
  check<ShapeError>(bias.rank() == 1 && bias.shape()[0] == weight.shape()[0],
                    "linear: expected a bias (", weight.shape()[0], ",) for weight ",
                    weight.shape(), ", got ", bias.shape());
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation f) {
  check_linear(x, weight, bias);
  bool recorded =
      grad_enabled() && (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  if (recorded && !derivative_from_output(f)) return activate(linear(x, weight, bias), f);

  Shape shape = x.shape();
  shape[shape.rank() - 1] = weight.shape()[0];
  Tensor y = empty(shape, x.dtype());
  const Activation fused = derivative_from_output(f) ? f : Activation::kNone;
  if (x.is_contiguous()) {
    const int64_t k = x.shape().back(),
                  rows = k ? x.numel() / k : numel(shape) / std::max<int64_t>(1, shape.back());
    multiply(1, {x, rows, k, k, 1, 0}, transposed(matrix(weight)), bias, fused, y);
  } else {
    NoGradGuard unrecorded;
    Tensor flat = as_rows(x);
    multiply(1, matrix(flat), transposed(matrix(weight)), bias, fused, y);
  }
  if (fused != f) activate_into(y, y, f);
  if (auto* node = record<Linear>(y, x, weight, bias)) {
    node->f = f;
    if (node->needs(1)) node->save_input(0, x);
    if (node->needs(0)) node->save_input(1, weight);
    if (f != Activation::kNone) node->save_output(y);
  }
  return y;
}

}  // namespace vitro
