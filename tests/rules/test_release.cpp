// Tests that the library, CHANGELOG.md and CITATION.cff name the same version.
#include <catch2/catch.hpp>
#include <regex>

#include "framework/base/runtime.h"
#include "tests/rules/rules.h"
#include "tests/support/paths.h"

using vitro::testing::read_text;
using vitro::testing::source_path;

namespace {

// The text of the pattern's group at its first match in a file of the tree; empty without a match.
std::string found_in(const std::string& file, const char* pattern) {
  const std::string text = read_text(source_path(file));
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : std::string();
}

}  // namespace

TEST_CASE("release: the library, the changelog and the citation agree") {
  const std::string version = vitro::version_info().version;
  CHECK(found_in("CHANGELOG.md", R"(\n## \[([0-9.]+)\] - \d{4}-\d\d-\d\d\n)") == version);
  CHECK(found_in("CITATION.cff", R"(\nversion: ([0-9.]+)\n)") == version);
  CHECK(found_in("CHANGELOG.md", R"(\n## \[[0-9.]+\] - ([0-9-]+)\n)") ==
        found_in("CITATION.cff", R"(\ndate-released: ([0-9-]+)\n)"));
  const std::string minor = version.substr(0, version.rfind('.'));
  CHECK(found_in("tests/consumer/CMakeLists.txt", R"(find_package\(vitro ([0-9.]+) REQUIRED)") ==
        minor);
}
