// Elementwise float32 kernels on contiguous arrays; the fastest instruction set is chosen at run
// time.
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
// The second group gives dx from the op's input x (of tanh and sigmoid: output y) and dy.
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
BinaryKernel binary_kernel(Binary op);  // so may a, b and y

// y += c x
void axpy(float c, const float* x, float* y, int64_t n);

// Conversion; to bfloat16 by rounding to nearest even, NaN kept.
void to_float(const BFloat16* x, float* y, int64_t n);
void to_bfloat16(const float* x, BFloat16* y, int64_t n);

std::string_view target_name();  // of the instruction set in use

}  // namespace vitro::simd
