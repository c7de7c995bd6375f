// Number: a C++ number that becomes an element of a tensor.
#pragma once
#include <concepts>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dtype.h"

namespace [[gnu::visibility("default")]] vitro {

// Any C++ number, as an argument of an op.  Integers stay exact beyond 2^53.
struct Number {
  // Converts from any C++ number.
  template <class T>
  requires std::convertible_to<T, double> Number(T x)
      : real(static_cast<double>(x)) {  // NOLINT: numbers convert
    if constexpr (std::is_integral_v<T>) {
      is_integer = std::in_range<int64_t>(+x);
      if (is_integer) integer = static_cast<int64_t>(x);
    }
  }
  double real;              // the value, rounded if it is a large integer
  int64_t integer = 0;      // the exact value if is_integer
  bool is_integer = false;  // whether the argument was an integer in the range of int64
};

// Prints the value.
inline std::ostream& operator<<(std::ostream& out, const Number& x) {
  return x.is_integer ? out << x.integer : out << x.real;
}

// The number as a T.  If T is an integer or bool that cannot hold it exactly, throws a ValueError
// that names `op`.
template <class T>
T number_as(std::string_view op, const Number& x) {
  if constexpr (!std::is_integral_v<T>) {
    return x.is_integer ? static_cast<T>(x.integer) : static_cast<T>(x.real);
  } else {
    int64_t whole = x.integer;
    bool fits = x.is_integer;
    if (!fits && -0x1p63 <= x.real && x.real < 0x1p63) {
      whole = static_cast<int64_t>(x.real);
      fits = static_cast<double>(whole) == x.real;
    }
    if constexpr (std::is_same_v<T, bool>) fits = fits && (whole == 0 || whole == 1);
    else fits = fits && std::in_range<T>(whole);
    check<ValueError>(fits, op, ": expected a number that ", dtype_of<T>(), " can represent, got ",
                      x);
    return static_cast<T>(whole);
  }
}

}  // namespace vitro
