// A pocket calculator that reads the steps of a printed calculation and computes them again.
#pragma once
#include <string>
#include <vector>

namespace vitro::testing {

struct Recalculated {
  int equations = 0;                // how many results were computed again
  std::vector<std::string> faults;  // results with another last digit
};

// Reads only the text.  It computes these lines again, exactly, and rounds as printed:
//
//   name = 0.5 * (-0.25) = -0.125      equations, also several per line
//   a = qk / 2.0                       formulas of columns, then a table whose header has the names
//   the sum of the 16 products = 0.5   the terms since the last sum, or the column of that name
//   the other 60 e add up to 1.5       a part of such a sum
//   x is 0.5                           a number that a later step uses
//   = 0.5 from the digits shown        the last number before it
Recalculated recalculated(const std::string& text);

}  // namespace vitro::testing
