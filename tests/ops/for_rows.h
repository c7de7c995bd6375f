// Runs a check over the rows of the op table.
#pragma once
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "tests/ops/op_table.h"

namespace vitro::tests {

// Reports what `wrong(row, random)` says is wrong ("" for nothing), and what it throws, by the
// row's name, which decides the random numbers: those of a row do not depend on the others.
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
