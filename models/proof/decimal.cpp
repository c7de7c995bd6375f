// Calculates with decimal numbers.
#include "models/proof/decimal.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>

#include "framework/base/error.h"

namespace vitro::proof {

namespace {

using Wide = boost::multiprecision::int256_t;  // holds the product of three numbers

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

int Decimal::digits() const {
  const auto all = static_cast<int>(std::to_string(std::abs(units_)).size());
  return std::max(all, decimals_);
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
Decimal operator/(const Decimal& a, int64_t count) {
  check<ValueError>(count != 0, "Decimal: expected a divisor that is not 0, got 0");
  return {checked(nearest_quotient(Wide(a.units_), Wide(count))), a.decimals_};
}

Decimal Decimal::over(const Decimal& b, int decimals) const {
  check<ValueError>(b.units_ != 0, "Decimal: expected a divisor that is not 0, got ", b.text());
  check<ValueError>(0 <= decimals && decimals <= kMostDecimals, "Decimal: expected 0 to ",
                    kMostDecimals, " decimals, got ", decimals);
  // units / 10^decimals_ = (a / 10^a.decimals) / (b / 10^b.decimals)
  const int shift = decimals + b.decimals_ - decimals_;
  const Wide above = Wide(units_) * power_of_ten(std::max(shift, 0)),
             below = Wide(b.units_) * power_of_ten(std::max(-shift, 0));
  return {checked(nearest_quotient(above, below)), decimals};
}

Decimal Decimal::sum_of_products(const Decimal& a, const Decimal& b, const Decimal& c,
                                 const Decimal& d) {
  check_same(a.decimals_, c.decimals_);
  check_same(b.decimals_, d.decimals_);
  const Wide exact = Wide(a.units_) * b.units_ + Wide(c.units_) * d.units_;
  return {checked(nearest_quotient(exact, power_of_ten(b.decimals_))), a.decimals_};
}

Decimal exp(const Decimal& a) { return Decimal::rounded(std::exp(a.value()), a.decimals_); }
Decimal log(const Decimal& a) { return Decimal::rounded(std::log(a.value()), a.decimals_); }
// The root of units 10^-d has sqrt(units 10^d) units.  float64 has too few digits for 12 decimals,
// so the last one is found in whole numbers.
Decimal sqrt(const Decimal& a) {
  check<ValueError>(a.units_ >= 0, "Decimal: expected a number from 0 for its root, got ",
                    a.text());
  const Wide square = Wide(a.units_) * power_of_ten(a.decimals_), root = sqrt(square);
  // root <= the exact root < root + 1; the half between them is root + 1/2.
  const bool above = 4 * square >= 4 * root * root + 4 * root + 1;
  return {checked(above ? Wide(root + 1) : root), a.decimals_};
}
Decimal tanh(const Decimal& a) { return Decimal::rounded(std::tanh(a.value()), a.decimals_); }
Decimal erf(const Decimal& a) { return Decimal::rounded(std::erf(a.value()), a.decimals_); }

}  // namespace vitro::proof
