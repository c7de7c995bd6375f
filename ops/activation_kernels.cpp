// Runs the kernels of the activations over tensors.
#include "ops/activation_kernels.h"

#include "framework/autograd/node.h"
#include "framework/base/rectified.h"
#include "framework/tensor/loops.h"
#include "ops/product.h"

namespace vitro {

namespace {

// relu of bfloat16 without a conversion to float32.
void relu_by_bits(const Tensor& y, const Tensor& x) {
  const BFloat16* from = raw<BFloat16>(x);
  BFloat16* to = raw<BFloat16>(y);
  parallel_for(x.numel(), kCheapGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = rectified(from[i]);
  });
}

template <class T>
void run_simd(const Kernels& k, const Tensor& y, const Tensor& x) {
  Walk<2> walk(y.shape(), {y.strides(), x.strides()});
  kernel_loop(walk, y.numel(), kCostlyGrain, simd::unary_kernel(k.forward), raw<T>(y), raw<T>(x));
}

}  // namespace

void forward_into(const Kernels& k, const Tensor& y, const Tensor& x) {
  if (x.dtype() == kFloat32) run_simd<float>(k, y, x);
  else if (k.forward == simd::Unary::kRelu && x.is_contiguous()) relu_by_bits(y, x);
  else run_simd<BFloat16>(k, y, x);
}

Tensor backward_kernel(const Kernels& k, const Tensor& x_or_y, const Tensor& dy) {
  Tensor dx = empty(dy.shape(), dy.dtype());
  binary_into(
      dx, x_or_y, dy, simd::binary_kernel(k.backward), [](auto u, auto) { return u; },
      kCostlyGrain);
  return dx;
}

void activate_into(const Tensor& y, const Tensor& x, Activation f) {
  if (f == Activation::kNone && y.impl() == x.impl()) return;
  if (y.dtype() == kFloat64) {
    NoGradGuard unrecorded;
    return copy_into(y, activate(x.detach(), f));
  }
  switch (f) {
    case Activation::kNone: return copy_into(y, x);
    case Activation::kRelu: return forward_into(kReluKernels, y, x);
    case Activation::kTanh: return forward_into(kTanhKernels, y, x);
    case Activation::kSigmoid: return forward_into(kSigmoidKernels, y, x);
    case Activation::kGelu: return forward_into(kGeluKernels, y, x);
    case Activation::kGeluTanh: return forward_into(kGeluTanhKernels, y, x);
    case Activation::kSilu: return forward_into(kSiluKernels, y, x);
  }
}

}  // namespace vitro
