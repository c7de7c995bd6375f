// Checks that the program refuses arguments with a one-line error.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/process.h"

namespace vitro::testing {

// Checks that the program exits with `code` and that its one-line error contains `says`.
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

// Also checks that the program prints nothing on standard output.
inline void check_refused(const Words& arguments, int code, const std::string& says) {
  const std::string out = check_fails(arguments, code, says).out;
  CHECK(out == "");
}

}  // namespace vitro::testing
