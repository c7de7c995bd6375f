// relu of one number.  NaN stays NaN, unlike in oneDNN's relu, which returns 0.
#pragma once
#include "framework/base/dtype.h"

namespace vitro {

inline float rectified(float x) { return x <= 0 ? 0.0f : x; }

// Looks at the bits, so that a loop vectorizes without conversions: 0 if the sign bit is set and x
// is not NaN.
inline BFloat16 rectified(BFloat16 x) {
  const auto bits = static_cast<int16_t>(x.bits);
  x.bits = static_cast<uint16_t>(bits < 0 && (bits & 0x7fff) <= 0x7f80 ? 0 : bits);
  return x;
}

}  // namespace vitro
