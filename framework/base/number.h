// A number of C++ that becomes an element of a tensor: integers stay exact beyond 2^53.
#pragma once
#include <concepts>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dtype.h"

namespace [[gnu::visibility("default")]] vitro {

struct Number {
  template <class T>
  requires std::convertible_to<T, double> Number(T x)
      : real(static_cast<double>(x)) {  // NOLINT: numbers convert
    if constexpr (std::is_integral_v<T>) {
      is_integer = std::in_range<int64_t>(+x);
      if (is_integer) integer = static_cast<int64_t>(x);
    }
  }
  double real;          // rounded, where the number is a large integer
  int64_t integer = 0;  // exact, where is_integer
  bool is_integer = false;
};

inline std::ostream& operator<<(std::ostream& out, const Number& x) {
  return x.is_integer ? out << x.integer : out << x.real;
}

// The number as a T; ValueError where T is an integer or bool that does not hold it exactly.
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
    check<ValueError>(fits, op, ": expected a number that ", dtype_of<T>(), " holds, got ", x);
    return static_cast<T>(whole);
  }
}

}  // namespace vitro
