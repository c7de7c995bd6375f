// Decimal: a number as it is printed, with a fixed number of digits after the point.
#pragma once
#include <cstdint>
#include <string>

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// Declared here, because a friend declaration alone would be hidden in a shared library.
class Decimal;
Decimal operator+(const Decimal& a, const Decimal& b);
Decimal operator-(const Decimal& a, const Decimal& b);
Decimal operator*(const Decimal& a, const Decimal& b);
Decimal operator/(const Decimal& a, int64_t count);
Decimal exp(const Decimal& a);
Decimal log(const Decimal& a);
Decimal sqrt(const Decimal& a);
Decimal tanh(const Decimal& a);
Decimal erf(const Decimal& a);

// units 10^-decimals.  Steps of a printed calculation use Decimals, so that each result follows
// from the digits shown: a reader with a pocket calculator finds the same last digit.
class Decimal {
 public:
  static constexpr int kMostDecimals = 12;

  // x rounded to `decimals` digits after the point, halves away from zero.  ValueError for a number
  // that is not finite or that has more than 18 digits, or for decimals outside [0, kMostDecimals].
  static Decimal rounded(double x, int decimals);

  double value() const;      // the nearest float64
  std::string text() const;  // "-0.0125"; zero has no sign
  int decimals() const { return decimals_; }
  bool is_negative() const { return units_ < 0; }
  // How many digits a calculator needs for it; the 0 before the point is not counted.
  int digits() const;

  // Exact.  a and b have the same number of decimals.
  friend Decimal operator+(const Decimal& a, const Decimal& b);
  friend Decimal operator-(const Decimal& a, const Decimal& b);
  // The exact product, rounded to a's decimals, halves away from zero.
  friend Decimal operator*(const Decimal& a, const Decimal& b);
  // The exact quotient, rounded in the same way.  ValueError for b = 0.
  friend Decimal operator/(const Decimal& a, const Decimal& b) { return a.over(b, a.decimals_); }
  friend Decimal operator/(const Decimal& a, int64_t count);
  // The exact quotient, rounded to another number of decimals.
  Decimal over(const Decimal& b, int decimals) const;
  // a b + c d, exact, then rounded once to a's decimals.  c has as many decimals as a, and d as
  // many as b.
  static Decimal sum_of_products(const Decimal& a, const Decimal& b, const Decimal& c,
                                 const Decimal& d);
  friend Decimal operator-(const Decimal& a) { return {-a.units_, a.decimals_}; }

  // f(a), rounded to a's decimals.
  friend Decimal exp(const Decimal& a);
  friend Decimal log(const Decimal& a);
  friend Decimal sqrt(const Decimal& a);
  friend Decimal tanh(const Decimal& a);
  friend Decimal erf(const Decimal& a);

 private:
  Decimal(int64_t units, int decimals) : units_(units), decimals_(decimals) {}
  int64_t units_;
  int decimals_;
};

}  // namespace proof
}  // namespace vitro
