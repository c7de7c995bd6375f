// Compares two results of the benchmarks, row by row, and says which differences exceed the noise.
#pragma once
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace vitro::bench {

// The repetitions of one row.  A row with a rival also has the rival's times and the ratios.
struct Times {
  std::vector<double> ns;  // per op; only the undisturbed repetitions, if there are any
  std::vector<double> rival_ns, ratios;
  bool all_disturbed = false;  // another process took cores in every repetition
};

// One result: the rows by name, and the properties of the machine and the build.
struct Result {
  std::map<std::string, Times> rows;
  std::map<std::string, std::string> context;
};

// Reads a JSON file of Google Benchmark, or every *.json in a folder.  Joins the repetitions of
// rows with the same name.  Throws std::runtime_error for any other file.
Result read_result(const std::filesystem::path& path);
// Adds the rows of a file's bytes to `result`; errors call the file `name`.
void parse_result(std::string_view bytes, const std::string& name, Result& result);

enum class Verdict { kFaster, kSlower, kSame, kVoid, kMissing, kNew };
const char* name_of(Verdict verdict);

struct Comparison {
  std::string name;
  Verdict verdict;
  double old_ns = 0, new_ns = 0;  // medians; 0 where the row is absent
  double change = 0;              // new_ns / old_ns - 1
  double noise = 0;               // the largest change that counts as the same
  bool rival = false;             // whether both results have a rival's time
  double ratio_change = 0;        // of the ratio to the rival's time
};

// One comparison per row of either result, in the order of the names.
//   noise = the larger of both spreads, at least 2 %; at least 15 % for fewer than 3 repetitions.
// With a rival, the ratio must also change by more than the noise, because it does not depend on
// the speed of the machine.  A row is void if every repetition of one result was disturbed.
std::vector<Comparison> compare(const Result& before, const Result& after);

// Prints the table, the differences of the contexts and the change of the rivals' times.
void print_comparison(std::ostream& out, const Result& before, const Result& after);

// Whether a row is slower or missing.
bool is_worse(const std::vector<Comparison>& rows);

}  // namespace vitro::bench
