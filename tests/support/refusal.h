// Checks of what the program refuses: one line that says why.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/process.h"

namespace vitro::testing {

// It ends with `code` and one line on standard error, which holds `says`.
inline Finished check_fails(const Words& arguments, int code, const std::string& says) {
  std::string command = "vitro";
  for (const std::string& word : arguments) command += " '" + word + "'";
  INFO(command);
  Finished run = run_vitro(arguments);
  CHECK(run.code == code);
  CHECK_THAT(run.err, Catch::Matchers::StartsWith("vitro: ") && Catch::Matchers::Contains(says));
  CHECK(std::ranges::count(run.err, '\n') == 1);
  CHECK_THAT(run.err, Catch::Matchers::EndsWith("\n"));
  return run;
}

// The same, before it has printed anything.
inline void check_refused(const Words& arguments, int code, const std::string& says) {
  const std::string out = check_fails(arguments, code, says).out;
  CHECK(out == "");
}

}  // namespace vitro::testing
