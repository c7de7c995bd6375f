// Calculates with decimal numbers.
#include "models/proof/decimal.h"

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>

#include "framework/base/error.h"

namespace vitro::proof {

namespace {

using Wide = boost::multiprecision::int128_t;

constexpr double kMost = 1e18;  // of the units; they fit into int64

Wide power_of_ten(int exponent) {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// a / b, rounded to the nearest integer, halves away from zero.
Wide nearest_quotient(const Wide& a, const Wide& b) {
  const Wide size = abs(b), twice = 2 * abs(a) + size, quotient = twice / (2 * size);
  return (a < 0) == (b < 0) ? quotient : Wide(-quotient);
}

int64_t checked(const Wide& units) {
  check<ValueError>(abs(units) <= Wide(static_cast<int64_t>(kMost)),
                    "Decimal: expected a number of at most 18 digits, got more");
  return static_cast<int64_t>(units);
}

void check_same(int a, int b) {
  check<ValueError>(a == b, "Decimal: expected two numbers with the same number of decimals, got ",
                    a, " and ", b);
}

}  // namespace

Decimal Decimal::rounded(double x, int decimals) {
  check<ValueError>(0 <= decimals && decimals <= kMostDecimals, "Decimal: expected 0 to ",
                    kMostDecimals, " decimals, got ", decimals);
  const double units = std::round(x * std::pow(10.0, decimals));
  check<ValueError>(std::abs(units) <= kMost,
                    "Decimal: expected a finite number of at most 18 digits, got ", x, " with ",
                    decimals, " decimals");
  return {static_cast<int64_t>(units), decimals};
}

double Decimal::value() const { return static_cast<double>(units_) / std::pow(10.0, decimals_); }

std::string Decimal::text() const {
  std::string digits = std::to_string(std::abs(units_));
  const auto after = static_cast<size_t>(decimals_);
  if (digits.size() <= after) digits.insert(0, after + 1 - digits.size(), '0');
  if (after > 0) digits.insert(digits.size() - after, 1, '.');
  return units_ < 0 ? '-' + digits : digits;
}

Decimal operator+(const Decimal& a, const Decimal& b) {
  check_same(a.decimals_, b.decimals_);
  return {checked(Wide(a.units_) + b.units_), a.decimals_};
}
Decimal operator-(const Decimal& a, const Decimal& b) {
  check_same(a.decimals_, b.decimals_);
  return {checked(Wide(a.units_) - b.units_), a.decimals_};
}
Decimal operator*(const Decimal& a, const Decimal& b) {
  return {checked(nearest_quotient(Wide(a.units_) * b.units_, power_of_ten(b.decimals_))),
          a.decimals_};
}
Decimal operator/(const Decimal& a, const Decimal& b) {
  check<ValueError>(b.units_ != 0, "Decimal: expected a divisor that is not 0, got ", b.text());
  return {checked(nearest_quotient(Wide(a.units_) * power_of_ten(b.decimals_), Wide(b.units_))),
          a.decimals_};
}

}  // namespace vitro::proof
