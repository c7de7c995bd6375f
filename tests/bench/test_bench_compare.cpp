// Tests the comparison of benchmark results with made-up files, and the arguments of scripts/bench.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/compare/compare.h"
#include "tests/rules/rules.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

using namespace vitro::bench;
using Catch::Matchers::Contains;
using nlohmann::json;
using vitro::testing::TemporaryDirectory;

namespace {

// The repetitions of one row, with these times in nanoseconds.
json row(const std::string& name, const std::vector<double>& times, const json& counters = {}) {
  json runs = json::array();
  for (double time : times) {
    json run = {{"name", name},
                {"run_name", name},
                {"run_type", "iteration"},
                {"real_time", time},
                {"time_unit", "ns"}};
    if (!counters.is_null()) run.update(counters);
    runs.push_back(run);
  }
  return runs;
}

std::string file_of(const std::vector<json>& rows, const json& context = json::object()) {
  json all = json::array();
  for (const json& runs : rows) all.insert(all.end(), runs.begin(), runs.end());
  return json{{"context", context}, {"benchmarks", all}}.dump();
}

Result result_of(const std::vector<json>& rows, const json& context = json::object()) {
  Result result;
  parse_result(file_of(rows, context), "planted", result);
  return result;
}

// The verdict on the one row that is in both results.
Verdict verdict_of_rows(const json& before, const json& after) {
  const std::vector<Comparison> rows = compare(result_of({before}), result_of({after}));
  REQUIRE(rows.size() == 1);
  return rows[0].verdict;
}
Verdict verdict_of(const std::vector<double>& before, const std::vector<double>& after) {
  return verdict_of_rows(row("a/1", before), row("a/1", after));
}

std::string said_of(const Result& before, const Result& after) {
  std::ostringstream out;
  print_comparison(out, before, after);
  return out.str();
}

const std::vector<double> kSteady = {100, 101, 102, 101, 100};

}  // namespace

TEST_CASE("bench compare: a verdict needs a change larger than the noise") {
  CHECK(verdict_of(kSteady, {80, 81, 82, 81, 80}) == Verdict::kFaster);
  CHECK(verdict_of(kSteady, {120, 121, 122, 121, 120}) == Verdict::kSlower);
  CHECK(verdict_of(kSteady, {101, 102, 101, 102, 101}) == Verdict::kSame);
  // The same medians as above, but the repetitions differ by more than the medians do.
  CHECK(verdict_of(kSteady, {70, 81, 110, 81, 80}) == Verdict::kSame);
  CHECK(verdict_of({70, 101, 130, 101, 100}, {120, 121, 122, 121, 120}) == Verdict::kSame);
}

TEST_CASE("bench compare: equal repetitions still have a noise of 2 %") {
  CHECK(verdict_of({100, 100, 100}, {101.9, 101.9, 101.9}) == Verdict::kSame);
  CHECK(verdict_of({100, 100, 100}, {102.1, 102.1, 102.1}) == Verdict::kSlower);
  CHECK(verdict_of({102.1, 102.1, 102.1}, {100, 100, 100}) == Verdict::kFaster);
}

TEST_CASE("bench compare: fewer than 3 repetitions have a noise of at least 15 %") {
  CHECK(verdict_of({100}, {114}) == Verdict::kSame);
  CHECK(verdict_of({100}, {116}) == Verdict::kSlower);
  CHECK(verdict_of({116}, {100}) == Verdict::kFaster);
  CHECK(verdict_of({100, 100}, {114, 114, 114}) == Verdict::kSame);
  CHECK(verdict_of({100, 130}, {130, 130, 130}) == Verdict::kSame);
}

TEST_CASE("bench compare: disturbed repetitions are left out, and all of them make a row void") {
  const json disturbed = {{"preempted", 1000.0}};
  json mixed = row("a/1", {500, 501}, disturbed);
  for (const json& run : row("a/1", kSteady)) mixed.push_back(run);
  for (const json& run : row("a/1", {500, 501}, disturbed)) mixed.push_back(run);
  CHECK(result_of({mixed}).rows.at("a/1").ns == kSteady);
  CHECK(verdict_of_rows(row("a/1", kSteady), mixed) == Verdict::kSame);
  CHECK(verdict_of_rows(row("a/1", kSteady), row("a/1", {500, 501, 502}, disturbed)) ==
        Verdict::kVoid);
  CHECK(verdict_of_rows(row("a/1", {500, 501, 502}, disturbed), row("a/1", kSteady)) ==
        Verdict::kVoid);
}

TEST_CASE("bench compare: beside a rival, time and ratio must both change") {
  auto beside = [](double ns, double rival_ns) {
    return row("a/1", {ns}, {{"other_ns", rival_ns}, {"ratio", ns / rival_ns}});
  };
  CHECK(verdict_of_rows(beside(100, 100), beside(130, 100)) == Verdict::kSlower);
  CHECK(verdict_of_rows(beside(130, 100), beside(100, 100)) == Verdict::kFaster);
  CHECK(verdict_of_rows(beside(100, 100), beside(130, 130)) == Verdict::kSame);  // a slower machine
  CHECK(verdict_of_rows(beside(100, 130), beside(100, 100)) == Verdict::kSame);  // a faster rival
  CHECK(verdict_of_rows(beside(100, 100), beside(200, 400)) == Verdict::kSame);
  CHECK(verdict_of_rows(beside(100, 100), row("a/1", {130})) == Verdict::kSlower);
}

TEST_CASE("bench compare: rows of one result only are missing or new") {
  const Result one = result_of({row("a/1", kSteady), row("b/1", kSteady)}),
               other = result_of({row("b/1", kSteady), row("c/1", kSteady)});
  const std::vector<Comparison> rows = compare(one, other);
  REQUIRE(rows.size() == 3);
  CHECK((rows[0].name == "a/1" && rows[0].verdict == Verdict::kMissing));
  CHECK((rows[1].name == "b/1" && rows[1].verdict == Verdict::kSame));
  CHECK((rows[2].name == "c/1" && rows[2].verdict == Verdict::kNew));
  CHECK(is_worse(rows));
  CHECK_FALSE(is_worse(compare(result_of({row("b/1", kSteady)}), other)));
  CHECK(is_worse(compare(one, result_of({row("a/1", kSteady), row("b/1", {200, 200, 200})}))));
  CHECK_FALSE(is_worse(compare(one, result_of({row("a/1", kSteady), row("b/1", {50, 50, 50})}))));
}

TEST_CASE("bench compare: units, times per op and the library's flags in a name") {
  json micro = row("a/1/process_time/real_time", {0.1, 0.101, 0.102});
  for (json& run : micro) run["time_unit"] = "us";
  CHECK(verdict_of_rows(row("a/1", {100, 101, 102}), micro) == Verdict::kSame);
  const json hundred = {{"ns/op", 100.0}};
  CHECK(verdict_of_rows(row("a/1", kSteady), row("a/1/iterations:1/repeats:3/manual_time",
                                                 {9e4, 9e4, 9e4}, hundred)) == Verdict::kSame);
}

TEST_CASE("bench compare: aggregates and failed rows are not repetitions") {
  json aggregate = row("a/1", {900});
  aggregate[0]["run_type"] = "aggregate";
  json failed = row("b/1", {0});
  failed[0]["error_occurred"] = true;
  const Result result = result_of({row("a/1", kSteady), aggregate, failed});
  CHECK(result.rows.size() == 1);
  CHECK(result.rows.at("a/1").ns == kSteady);
}

TEST_CASE("bench compare: the library's NaN and Infinity are read") {
  std::string bytes = file_of({row("a/1", kSteady, {{"roof", 1.5}, {"x", -2.5}, {"y", 3.5}})});
  for (auto& [number, word] : {std::pair<std::string, std::string>{":1.5", ": NaN"},
                               {":-2.5", ": -Infinity"},
                               {":3.5", ": Infinity"}})
    for (size_t at; (at = bytes.find(number)) != std::string::npos;)
      bytes.replace(at, number.size(), word);
  Result result;
  parse_result(bytes, "planted", result);
  CHECK(result.rows.at("a/1").ns == kSteady);
}

TEST_CASE("bench compare: the table names what differs") {
  const json rival = {{"other_ns", 100.0}, {"ratio", 1.0}},
             slower_rival = {{"other_ns", 110.0}, {"ratio", 1.2}};
  const std::string said = said_of(
      result_of({row("a/1", {100}, rival), row("b/1", kSteady)}, {{"threads", "2"}}),
      result_of({row("a/1", {125}, slower_rival), row("c/1", kSteady)}, {{"threads", "1"}}));
  CHECK_THAT(said, Contains("threads differs: 2, then 1"));
  CHECK_THAT(
      said, Contains("100 ns") && Contains("125 ns") && Contains("+25.0 %") && Contains("+20.0 %"));
  CHECK_THAT(said, Contains("15.0 %") && Contains("slower"));
  CHECK_THAT(said, Contains("changed by +10.0 % (median of 1 rows)"));
  CHECK_THAT(said, Contains("1 slower, 1 missing, 1 new"));
}

TEST_CASE("bench compare: a folder joins its files, and bad files are named") {
  const TemporaryDirectory folder;
  const std::string first = folder.write("a.json", file_of({row("a/1", {100})}));
  folder.write("b.json", file_of({row("a/1", {120, 140})}));
  folder.write("c.txt", "not read");
  const std::string path = folder / "";
  CHECK(read_result(path).rows.at("a/1").ns == std::vector<double>{100, 120, 140});
  CHECK(read_result(first).rows.at("a/1").ns == std::vector<double>{100});
  const TemporaryDirectory bad;
  CHECK_THROWS_WITH(read_result(bad / ""),
                    Contains("expected repetitions of benchmarks, got none"));
  CHECK_THROWS_WITH(read_result(bad / "none.json"), Contains("none.json: cannot be read"));
  for (const char* text :
       {"", "{", "[]", R"({"context": {}})", R"({"context": {}, "benchmarks": 3})",
        R"({"context": {}, "benchmarks": [{"run_type": "iteration"}]})"})
    CHECK_THROWS_WITH(read_result(bad.write("bad.json", text)), Contains("bad.json: "));
  CHECK_THROWS_WITH(read_result(bad.write("bad.json", file_of({row("a/1", {-1})}))),
                    Contains("expected a positive real_time, got -1"));
}

namespace {

// Runs scripts/bench and returns its exit code; `said` gets its output.
int run_script(const std::string& arguments, std::string& said) {
  const TemporaryDirectory directory;
  const std::string out = directory / "out";
  const int status = std::system(("'" + vitro::testing::source_path("scripts/bench") + "' " +
                                  arguments + " > '" + out + "' 2>&1")
                                     .c_str());
  said = vitro::testing::read_text(out);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("bench script: --help prints the usage and runs nothing") {
  std::string said;
  CHECK(run_script("--help", said) == 0);
  CHECK_THAT(said, Contains("Usage: scripts/bench") && Contains("Columns: GFLOP/s") &&
                       Contains("Columns of --compare: old, new"));
  CHECK_THAT(said, !Contains("== bench") && !Contains("set -euo"));
  CHECK(run_script("--benchmark_filter=add --help", said) == 0);
  CHECK(run_script("--compare one", said) == 2);
  CHECK_THAT(said, Contains("expected --compare OLD NEW, got '--compare one'"));
}
