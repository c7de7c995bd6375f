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

// The type of a tensor's elements.
enum class DType : uint8_t {
  kFloat32,   // float
  kFloat64,   // double
  kBFloat16,  // BFloat16
  kInt64,     // int64_t
  kInt32,     // int32_t
  kUInt8,     // uint8_t
  kBool       // bool, in one byte
};
using enum DType;

// The upper half of a float32: sign, 8 exponent bits and 7 mantissa bits.
struct BFloat16 {
  uint16_t bits;         // sign, exponent, mantissa, from the highest bit down
  BFloat16() = default;  // leaves `bits` unset
  // Rounds to nearest even; NaN stays NaN.
  constexpr BFloat16(float x) {  // NOLINT: converts like a built-in number
    uint32_t u = std::bit_cast<uint32_t>(x);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? static_cast<uint16_t>((u >> 16) | 0x40u)
               : static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  // Converts through float.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit BFloat16(T x) : BFloat16(static_cast<float>(x)) {}
  // The exact value.
  constexpr operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

// Bytes per element.
constexpr size_t item_size(DType d) {
  constexpr size_t kSize[] = {4, 8, 2, 8, 4, 1, 1};
  return kSize[static_cast<int>(d)];
}

// The name of d: "float32", "int64" and so on.
constexpr std::string_view dtype_name(DType d) {
  constexpr std::string_view kName[] = {"float32", "float64", "bfloat16", "int64",
                                        "int32",   "uint8",   "bool"};
  return kName[static_cast<int>(d)];
}

// Whether d is float32, float64 or bfloat16.
constexpr bool is_floating(DType d) { return d <= kBFloat16; }

// The dtype of sums, optimizer states and caches for values of dtype d: float64 for float64,
// float32 for all others.
constexpr DType accumulation_dtype(DType d) { return d == kFloat64 ? kFloat64 : kFloat32; }

// Prints the name.
inline std::ostream& operator<<(std::ostream& out, DType d) { return out << dtype_name(d); }

// The DType of a C++ type.  All signed and unsigned integers of 8 or 4 bytes map to int64 or int32.
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

// Calls f.operator()<T>() with the C++ type T of `d`, and returns its result.
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
