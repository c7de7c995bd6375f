// The kernels of the activations for float32 and bfloat16.
#pragma once
#include "framework/simd/elementwise.h"
#include "framework/tensor/tensor.h"

namespace vitro {

// The kernels of one activation.  `from_output`: backward reads y instead of x.
struct Kernels {
  simd::Unary forward;
  simd::Binary backward;
  bool from_output;
};
inline constexpr Kernels kTanhKernels{simd::Unary::kTanh, simd::Binary::kTanhBackward, true};
inline constexpr Kernels kSigmoidKernels{simd::Unary::kSigmoid, simd::Binary::kSigmoidBackward,
                                         true};
inline constexpr Kernels kReluKernels{simd::Unary::kRelu, simd::Binary::kReluBackward, false};
inline constexpr Kernels kGeluKernels{simd::Unary::kGelu, simd::Binary::kGeluBackward, false};
inline constexpr Kernels kGeluTanhKernels{simd::Unary::kGeluTanh, simd::Binary::kGeluTanhBackward,
                                          false};
inline constexpr Kernels kSiluKernels{simd::Unary::kSilu, simd::Binary::kSiluBackward, false};
inline constexpr Kernels kSoftplusKernels{simd::Unary::kSoftplus, simd::Binary::kSoftplusBackward,
                                          false};

// y = f(x).  y is contiguous, and has the shape and dtype of x.  x and y may be the same tensor.
void forward_into(const Kernels& k, const Tensor& y, const Tensor& x);
// Returns dx = dy f'(x).  x_or_y is y if k.from_output, else x.
Tensor backward_kernel(const Kernels& k, const Tensor& x_or_y, const Tensor& dy);

}  // namespace vitro
