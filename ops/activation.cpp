// The activations.  Each has a value (the formula in float64), a derivative, and kernels for
// float32 and bfloat16.
#include <cmath>
#include <numbers>

#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/activation_kernels.h"
#include "ops/fused.h"
#include "ops/product.h"

namespace vitro {
namespace {

// y_i = f(x_i) for float64 x.
template <class F>
Tensor plain(const Tensor& x, F f) {
  Tensor y = empty(x.shape(), kFloat64);
  loop(Walk<2>(y.shape(), {y.strides(), x.strides()}), y.numel(), kCostlyGrain, f, raw<double>(y),
       raw<double>(x));
  return y;
}

// Self defines kName, kKernels, value(x) in float64, and backward.
template <class Self, class Base = Op<Self>>
struct ActivationOp : Base {
  static Tensor of(const Tensor& x) {
    check_floating(Self::kName, x);
    Tensor y = fused_value(
        x.dtype(), [&] { return Self::value(x.detach()); },
        [&] {
          Tensor fast = empty(x.shape(), x.dtype());
          forward_into(Self::kKernels, fast, x);
          return fast;
        });
    if (Node* node = record<Self>(y, x)) {
      if (Self::kKernels.from_output) node->save_output(y);
      else node->save_input(0, x);
    }
    return y;
  }
};

// y = tanh x   =>   dx = dy (1 - y^2)
struct Tanh final : ActivationOp<Tanh> {
  static constexpr std::string_view kName = "tanh";
  static constexpr const Kernels& kKernels = kTanhKernels;
  static Tensor value(const Tensor& x) {
    return plain(x, [](double v) { return std::tanh(v); });
  }
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {by_definition(dtype) ? dy - dy * y * y : backward_kernel(kKernels, y, dy)};
  }
};

// y = 1 / (1 + e^-x)   =>   dx = dy y (1 - y)
struct Sigmoid final : ActivationOp<Sigmoid> {
  static constexpr std::string_view kName = "sigmoid";
  static constexpr const Kernels& kKernels = kSigmoidKernels;
  static Tensor value(const Tensor& x) {
    return plain(x, [](double v) { return 1 / (1 + std::exp(-v)); });
  }
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {by_definition(dtype) ? dy * y * (1.0 - y) : backward_kernel(kKernels, y, dy)};
  }
};

// y = max(x, 0)   =>   dx = 0 where x <= 0, else dy
struct Relu final : ActivationOp<Relu> {
  static constexpr std::string_view kName = "relu";
  static constexpr const Kernels& kKernels = kReluKernels;
  static Tensor value(const Tensor& x) {
    return plain(x, [](double v) { return v > 0 || v != v ? v : 0; });
  }
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {by_definition(dtype) ? masked_fill(dy, le(x.detach(), 0), 0)
                                 : backward_kernel(kKernels, x, dy)};
  }
};

// y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)   =>   dx = dy sigmoid(x)
struct Softplus final : ActivationOp<Softplus> {
  static constexpr std::string_view kName = "softplus";
  static constexpr const Kernels& kKernels = kSoftplusKernels;
  static Tensor value(const Tensor& x) {
    return plain(x, [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); });
  }
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {by_definition(dtype) ? dy * sigmoid(x) : backward_kernel(kKernels, x, dy)};
  }
};

// x f(x), where f tends to 0 at -infinity and to 1 at +infinity, and equals its limit in every
// dtype where |x| > end.  Clamping x avoids -infinity * 0, which is NaN.
template <class F>
Tensor gated(const Tensor& x, double end, F f) {
  const Tensor v = clamp(x, -end);
  return v * f(clamp(v, {}, end));
}

// An activation whose backward differentiates value().  bfloat16 is computed in float32.
template <class Self>
struct DefinedActivation : ActivationOp<Self, Fused<Self>> {
  std::vector<Tensor> values() const { return {this->input(0)}; }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return to(Self::value(to(xs[0], accumulation_dtype(this->dtype))), this->dtype);
  }
  TensorList kernel_backward(const Tensor& dy) {
    return {backward_kernel(Self::kKernels, this->input(0), dy)};
  }
};

// y = x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2
struct Gelu final : DefinedActivation<Gelu> {
  static constexpr std::string_view kName = "gelu";
  static constexpr const Kernels& kKernels = kGeluKernels;
  static Tensor value(const Tensor& x) {
    return gated(x, 40,
                 [](const Tensor& v) { return erfc(v * (-0.5 * std::numbers::sqrt2)) * 0.5; });
  }
};

// y = x (1 + tanh u) / 2 = x / (1 + e^(-2 u)), u = sqrt(2/pi) (x + 0.044715 x^3)
struct GeluTanh final : DefinedActivation<GeluTanh> {
  static constexpr std::string_view kName = "gelu_tanh";
  static constexpr const Kernels& kKernels = kGeluTanhKernels;
  static Tensor value(const Tensor& x) {
    const double c = 2 * std::sqrt(2 / std::numbers::pi);
    return gated(x, 40, [=](const Tensor& v) { return sigmoid((v + v * v * v * 0.044715) * c); });
  }
};

// y = x / (1 + e^-x)
struct Silu final : DefinedActivation<Silu> {
  static constexpr std::string_view kName = "silu";
  static constexpr const Kernels& kKernels = kSiluKernels;
  static Tensor value(const Tensor& x) { return gated(x, 800, sigmoid); }
};

}  // namespace

Tensor tanh(const Tensor& x) { return Tanh::of(x); }
Tensor sigmoid(const Tensor& x) { return Sigmoid::of(x); }
Tensor relu(const Tensor& x) { return Relu::of(x); }
Tensor softplus(const Tensor& x) { return Softplus::of(x); }
Tensor gelu(const Tensor& x, GeluForm form) {
  return form == GeluForm::kErf ? Gelu::of(x) : GeluTanh::of(x);
}
Tensor silu(const Tensor& x) { return Silu::of(x); }

Tensor activate(const Tensor& x, Activation f) {
  check_defined("activate", x, "the tensor");
  switch (f) {
    case Activation::kNone: return x;
    case Activation::kRelu: return relu(x);
    case Activation::kTanh: return tanh(x);
    case Activation::kSigmoid: return sigmoid(x);
    case Activation::kGelu: return gelu(x);
    case Activation::kGeluTanh: return gelu(x, GeluForm::kTanh);
    case Activation::kSilu: return silu(x);
  }
  return x;
}

}  // namespace vitro
