// Runs a check over the rows of the op table.
#pragma once
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "tests/ops/op_table.h"

namespace vitro::tests {

// Calls wrong(row, random) for each row; `wrong` returns a complaint or "".  Complaints and
// exceptions are reported with the row's name.  The name also seeds `random`, so the numbers of a
// row do not depend on other rows.
template <class F>
void for_rows(int seed, F wrong) {
  int rows = 0;
  for (const Row& row : op_table()) {
    std::string text = std::to_string(seed) + row.name();
    std::seed_seq seeds(text.begin(), text.end());
    std::mt19937_64 random(seeds);
    try {
      text = wrong(row, random);
    } catch (const std::exception& e) { text = std::string("throws ") + e.what(); }
    if (!text.empty()) FAIL_CHECK(row.name() << ": " << text);
    ++rows;
  }
  CHECK(rows > 700);
}

}  // namespace vitro::tests
