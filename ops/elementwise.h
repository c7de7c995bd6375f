// Helpers that the elementwise families share.  Private to ops/.
#pragma once
#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

// The kernel of an operation, chosen by CPU once.
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

// a b, and 0 where b is 0, whatever a is: there an infinity or a NaN does not count.
Tensor mul_or_zero(const Tensor& a, const Tensor& b);

// 1 where the condition holds, else 0, in the dtype of `like`.
inline Tensor indicator(const Tensor& condition, const Tensor& like) {
  return condition.to(like.dtype());
}

}  // namespace vitro
