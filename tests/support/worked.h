// Follows a worked cell with a calculator.
#pragma once
#include <catch2/catch.hpp>
#include <cmath>

#include "models/proof/cell.h"
#include "tests/support/calculator.h"

namespace vitro::testing {

struct CellTolerance {
  double model = 1e-4;   // of by_hand - model, relative to the largest number of the output
  double digits = 2e-4;  // of from_digits - by_hand, relative
};

// Follows the text with a calculator, and compares the three results.
inline void check_cell(const proof::Cell& cell, double scale, const CellTolerance& allowed = {}) {
  INFO(cell.text);
  const Recalculated again = recalculated(cell.text);
  for (const std::string& fault : again.faults) FAIL_CHECK(fault);
  CHECK(again.equations >= 1);
  CHECK(std::abs(cell.from_digits - cell.by_hand) <=
        allowed.digits * std::abs(cell.by_hand) + 1e-8 + 1e-6 * scale);
  if (!std::isnan(cell.model)) CHECK(std::abs(cell.model - cell.by_hand) <= allowed.model * scale);
  CHECK_THAT(cell.text, Catch::Contains("= " + cell.shown + " from the digits shown"));
  CHECK(std::stod(cell.shown) == cell.from_digits);
}

}  // namespace vitro::testing
