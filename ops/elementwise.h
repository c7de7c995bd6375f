// Helpers that the elementwise ops share.  Private to ops/.
#pragma once
#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

// The kernel of an operation for this CPU; chosen once.
template <simd::Binary kOp>
simd::BinaryKernel kernel() {
  static const simd::BinaryKernel found = simd::binary_kernel(kOp);
  return found;
}
template <simd::Unary kOp>
simd::UnaryKernel kernel() {
  static const simd::UnaryKernel found = simd::unary_kernel(kOp);
  return found;
}

// a b, but 0 where b is 0, even if a is infinite or NaN.
Tensor mul_or_zero(const Tensor& a, const Tensor& b);

// 1 where the condition holds, else 0, in the dtype of `like`.
inline Tensor indicator(const Tensor& condition, const Tensor& like) {
  return condition.to(like.dtype());
}

}  // namespace vitro
