// Elementwise float32 kernels on contiguous arrays, for the best instruction set of the CPU.
#pragma once
#include <cstdint>
#include <string_view>

#include "framework/base/dtype.h"

namespace vitro::simd {

enum class Unary {
  kNeg,
  kAbs,
  kSqrt,
  kRsqrt,
  kExp,
  kLog,
  kSin,
  kCos,
  kErf,
  kErfc,
  kTanh,
  kSigmoid,
  kRelu,
  kGelu,
  kGeluTanh,
  kSilu,
  kSoftplus,
};
// The kernels named *Backward compute dx from x and dy; those of tanh and sigmoid take y, not x.
enum class Binary {
  kAdd,
  kSub,
  kMul,
  kMulOrZero,
  kDiv,
  kMinimum,
  kMaximum,
  kTanhBackward,
  kSigmoidBackward,
  kReluBackward,
  kGeluBackward,
  kGeluTanhBackward,
  kSiluBackward,
  kSoftplusBackward,
};

using UnaryKernel = void (*)(const float* x, float* y, int64_t n);
using BinaryKernel = void (*)(const float* a, const float* b, float* y, int64_t n);
UnaryKernel unary_kernel(Unary op);     // x and y may be the same array
BinaryKernel binary_kernel(Binary op);  // a, b and y may be the same array

// y += c x
void axpy(float c, const float* x, float* y, int64_t n);

// Convert n numbers.  To bfloat16 they are rounded to nearest even; NaN stays NaN.
void to_float(const BFloat16* x, float* y, int64_t n);
void to_bfloat16(const float* x, BFloat16* y, int64_t n);

std::string_view target_name();  // the name of the instruction set in use

}  // namespace vitro::simd
