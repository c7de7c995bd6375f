// Converts float16 (IEEE half precision), a dtype of some files, to float32.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace vitro {

// The conversion is exact.  It does no arithmetic on denormal numbers, because the thread may be in
// a mode that reads them as zero.
inline float float16_value(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1f, digits = bits & 0x3ff;
  if (exponent == 0) {
    const float small = static_cast<float>(digits) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(small) | sign);
  }
  const uint32_t wide = exponent == 31 ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | digits << 13);
}

// Converts n little-endian numbers.  `bytes` needs no alignment.
inline void widen_float16(const char* bytes, float* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof bits);
    to[i] = float16_value(bits);
  }
}

}  // namespace vitro
