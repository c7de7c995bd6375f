// The seven element types, bfloat16 rounding, and the switch from a DType to its C++ type.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <type_traits>

#include "error.h"

namespace [[gnu::visibility("default")]] vitro {

enum class DType : uint8_t { kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool };
using enum DType;

// The upper half of a float32: 8 exponent bits, 7 of mantissa.  Conversion rounds to nearest even
// and keeps NaN a NaN.
struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  constexpr BFloat16(float x) {  // NOLINT: converts like a built-in number
    uint32_t u = std::bit_cast<uint32_t>(x);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? static_cast<uint16_t>((u >> 16) | 0x40u)
               : static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit BFloat16(T x) : BFloat16(static_cast<float>(x)) {}
  constexpr operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

constexpr size_t item_size(DType d) {
  constexpr size_t kSize[] = {4, 8, 2, 8, 4, 1, 1};
  return kSize[static_cast<int>(d)];
}

constexpr std::string_view dtype_name(DType d) {
  constexpr std::string_view kName[] = {"float32", "float64", "bfloat16", "int64",
                                        "int32",   "uint8",   "bool"};
  return kName[static_cast<int>(d)];
}

constexpr bool is_floating(DType d) { return d <= kBFloat16; }

// Sums, optimizer states and caches of float64 values are held in float64, those of other dtypes in
// float32.
constexpr DType accumulation_dtype(DType d) { return d == kFloat64 ? kFloat64 : kFloat32; }

inline std::ostream& operator<<(std::ostream& out, DType d) { return out << dtype_name(d); }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return kFloat32;
  else if constexpr (std::is_same_v<T, double>) return kFloat64;
  else if constexpr (std::is_same_v<T, BFloat16>) return kBFloat16;
  else if constexpr (std::is_same_v<T, bool>) return kBool;
  else if constexpr (std::is_same_v<T, uint8_t>) return kUInt8;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) return kInt64;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 4) return kInt32;
  else static_assert(sizeof(T) == 0, "no DType holds this C++ type");
}

// Calls f.operator()<T>() with the C++ type of `d`.
template <class F>
decltype(auto) visit_dtype(DType d, F&& f) {
  switch (d) {
    case kFloat32: return f.template operator()<float>();
    case kFloat64: return f.template operator()<double>();
    case kBFloat16: return f.template operator()<BFloat16>();
    case kInt64: return f.template operator()<int64_t>();
    case kInt32: return f.template operator()<int32_t>();
    case kUInt8: return f.template operator()<uint8_t>();
    case kBool: break;
  }
  return f.template operator()<bool>();
}

}  // namespace vitro
