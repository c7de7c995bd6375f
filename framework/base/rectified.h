// relu of one number: NaN stays NaN, which the relu of oneDNN makes 0.
#pragma once
#include "framework/base/dtype.h"

namespace vitro {

inline float rectified(float x) { return x <= 0 ? 0.0f : x; }

// By the bits, so that a loop runs on vectors without a conversion: 0 for a sign without a NaN.
inline BFloat16 rectified(BFloat16 x) {
  const auto bits = static_cast<int16_t>(x.bits);
  x.bits = static_cast<uint16_t>(bits < 0 && (bits & 0x7fff) <= 0x7f80 ? 0 : bits);
  return x;
}

}  // namespace vitro
