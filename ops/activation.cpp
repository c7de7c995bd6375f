// Activations.  Each has a formula in simple ops, which runs in float64 and when gradients of
// gradients are wanted, and a pair of kernels for float32 and bfloat16, which the tests hold
// against it.
#include <cmath>
#include <numbers>

#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/activation_kernels.h"
#include "ops/product.h"

namespace vitro {
namespace {

using simd::Binary;
using simd::Unary;

bool exact(DType dtype) { return grad_enabled() || dtype == kFloat64; }

// y = tanh x   =>   dx = dy (1 - y^2)
struct Tanh final : Op<Tanh> {
  static constexpr std::string_view kName = "tanh";
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {exact(dtype) ? dy - dy * y * y : backward_kernel(kTanhKernels, y, dy)};
  }
};
// y = 1 / (1 + e^-x)   =>   dx = dy y (1 - y)
struct Sigmoid final : Op<Sigmoid> {
  static constexpr std::string_view kName = "sigmoid";
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {exact(dtype) ? dy * y * (1.0 - y) : backward_kernel(kSigmoidKernels, y, dy)};
  }
};
// y = max(x, 0)   =>   dx = dy where x > 0
struct Relu final : Op<Relu> {
  static constexpr std::string_view kName = "relu";
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {exact(dtype) ? dy * gt(x.detach(), 0).to(dtype) : backward_kernel(kReluKernels, x, dy)};
  }
};

// y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2
Tensor gelu_definition(const Tensor& x) {
  return x * (erf(x * (0.5 * std::numbers::sqrt2)) + 1.0) * 0.5;
}
// y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
Tensor gelu_tanh_definition(const Tensor& x) {
  const double c = std::sqrt(2 / std::numbers::pi);
  return x * (tanh((x + x * x * x * 0.044715) * c) + 1.0) * 0.5;
}
// y = x / (1 + e^-x)
Tensor silu_definition(const Tensor& x) { return x * sigmoid(x); }
// y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
Tensor softplus_definition(const Tensor& x) { return relu(x) + log(exp(-abs(x)) + 1.0); }
// Its slope is smooth where |x| has a kink: dx = dy sigmoid(x).
struct Softplus final : Op<Softplus> {
  static constexpr std::string_view kName = "softplus";
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {exact(dtype) ? dy * sigmoid(x) : backward_kernel(kSoftplusKernels, x, dy)};
  }
};

template <class Self>
struct Defined : Op<Self> {
  TensorList backward(const Tensor& dy) override {
    Tensor x = this->input(0);
    if (!exact(this->dtype)) return {backward_kernel(Self::kKernels, x, dy)};
    return vjp([](const std::vector<Tensor>& in) { return Self::definition(in[0]); }, {x}, dy);
  }
};
struct Gelu final : Defined<Gelu> {
  static constexpr std::string_view kName = "gelu";
  static constexpr const Kernels& kKernels = kGeluKernels;
  static Tensor definition(const Tensor& x) { return gelu_definition(x); }
};
struct GeluTanh final : Defined<GeluTanh> {
  static constexpr std::string_view kName = "gelu_tanh";
  static constexpr const Kernels& kKernels = kGeluTanhKernels;
  static Tensor definition(const Tensor& x) { return gelu_tanh_definition(x); }
};
struct Silu final : Defined<Silu> {
  static constexpr std::string_view kName = "silu";
  static constexpr const Kernels& kKernels = kSiluKernels;
  static Tensor definition(const Tensor& x) { return silu_definition(x); }
};

// y = f(x): the kernel, or in float64 `reference` on the values.
template <class T, class F>
Tensor run(std::string_view op, const Tensor& x, const Kernels& k, F reference) {
  check_floating(op, x);
  Tensor y;
  if (x.dtype() == kFloat64) {
    NoGradGuard unrecorded;
    y = reference(x.detach());
  } else {
    forward_into(k, y = empty(x.shape(), x.dtype()), x);
  }
  if (Node* node = record<T>(y, x)) {
    if (k.from_output) node->save_output(y);
    else node->save_input(0, x);
  }
  return y;
}

// Plain float64 loops for the three that nothing simpler defines.
template <class F>
auto plain(F f) {
  return [f](const Tensor& x) {
    Tensor y = empty(x.shape(), kFloat64);
    loop(Walk<2>(y.shape(), {y.strides(), x.strides()}), y.numel(), kCostlyGrain, f, raw<double>(y),
         raw<double>(x));
    return y;
  };
}

}  // namespace

Tensor tanh(const Tensor& x) {
  return run<Tanh>("tanh", x, kTanhKernels, plain([](double v) { return std::tanh(v); }));
}
Tensor sigmoid(const Tensor& x) {
  return run<Sigmoid>("sigmoid", x, kSigmoidKernels,
                      plain([](double v) { return 1 / (1 + std::exp(-v)); }));
}
Tensor relu(const Tensor& x) {
  return run<Relu>("relu", x, kReluKernels,
                   plain([](double v) { return v > 0 || v != v ? v : 0; }));
}
Tensor gelu(const Tensor& x, GeluForm form) {
  return form == GeluForm::kErf ? run<Gelu>("gelu", x, kGeluKernels, gelu_definition)
                                : run<GeluTanh>("gelu", x, kGeluTanhKernels, gelu_tanh_definition);
}
Tensor silu(const Tensor& x) { return run<Silu>("silu", x, kSiluKernels, silu_definition); }
Tensor softplus(const Tensor& x) {
  return run<Softplus>("softplus", x, kSoftplusKernels, softplus_definition);
}

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
