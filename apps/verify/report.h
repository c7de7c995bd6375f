// The output of `vitro verify`.
#pragma once
#include <optional>
#include <string>

#include "apps/verify/subject.h"

namespace vitro::cli {

struct Verification {
  const VerifyOptions& options;
  const Subject& subject;
  const std::optional<proof::Planted>& planted;
  const proof::Report& report;
  std::optional<proof::Cell> cell;  // the number that is shown in full
};

void print(const Verification& result);  // prints the report, or JSON for --json

std::string path_text(const std::string& path);  // "the model" for the empty path

}  // namespace vitro::cli
