// Reads results, compares medians with the spread of the repetitions, and prints the table.
#include "bench/compare/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "bench/machine.h"
#include "bench/numbers.h"

namespace vitro::bench {

namespace {

using nlohmann::json;

constexpr double kLeastNoise = 0.02;   // smaller differences count as noise
constexpr double kNoiseOfFew = 0.15;   // assumed if there are fewer than kFewRepetitions
constexpr size_t kFewRepetitions = 3;  // fewer do not show the spread

double ns_per(const std::string& unit) {
  if (unit == "ns") return 1;
  if (unit == "us") return 1e3;
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  throw std::runtime_error("expected a time_unit ns, us, ms or s, got '" + unit + "'");
}

// The row's name without the flags that Google Benchmark appends to it.
std::string row_name(const std::string& run_name) {
  static const std::regex flags(
      "/(iterations:[0-9]+|repeats:[0-9]+|min_time:[0-9.]+|process_time|real_time|manual_time)");
  return std::regex_replace(run_name, flags, "");
}

// Google Benchmark writes NaN and Infinity, which JSON does not have: null replaces them.
std::string as_json(std::string_view bytes) {
  std::string text(bytes);
  for (const char* start : {"\": NaN", "\": -NaN", "\": Infinity", "\": -Infinity"})
    for (size_t at = 0; (at = text.find(start, at)) != std::string::npos;)
      text.replace(at, std::string_view(start).size(), "\": null");
  return text;
}

double counter(const json& run, const char* name) {
  const auto found = run.find(name);
  return found != run.end() && found->is_number() ? found->get<double>() : 0;
}

struct Repetition {
  double ns, rival_ns, ratio;
  bool disturbed;
};

Repetition repetition_of(const json& run) {
  const double per_op = counter(run, "ns/op");
  const double ns = run.at("real_time").get<double>() * ns_per(run.value("time_unit", "ns"));
  if (!(ns > 0) || !std::isfinite(ns))
    throw std::runtime_error("expected a positive real_time, got " + run.at("real_time").dump());
  return {per_op > 0 ? per_op : ns, counter(run, "other_ns"), counter(run, "ratio"),
          counter(run, "preempted") > kPreemptionsPerSecond};
}

// A disturbed repetition counts only if there is no undisturbed repetition.
void add(Times& times, const Repetition& r) {
  if (r.disturbed && !times.ns.empty() && !times.all_disturbed) return;
  if (!r.disturbed && times.all_disturbed) times = {};
  times.all_disturbed = r.disturbed;
  times.ns.push_back(r.ns);
  if (!(r.rival_ns > 0) || !(r.ratio > 0)) return;
  times.rival_ns.push_back(r.rival_ns);
  times.ratios.push_back(r.ratio);
}

// (maximum - minimum) / median.
double spread_of(const std::vector<double>& x) {
  const auto [least, most] = std::minmax_element(x.begin(), x.end());
  return (*most - *least) / median(x);
}

// Compares the larger of old / new and new / old with 1 + noise, so that twice as fast and twice as
// slow count alike.
Verdict verdict_of(double change, double noise) {
  if (change > noise) return Verdict::kSlower;
  return 1 / (1 + change) > 1 + noise ? Verdict::kFaster : Verdict::kSame;
}

Comparison compare_row(const std::string& name, const Times& before, const Times& after) {
  Comparison c{.name = name, .verdict = Verdict::kVoid};
  c.old_ns = median(before.ns), c.new_ns = median(after.ns);
  c.change = c.new_ns / c.old_ns - 1;
  const bool few = std::min(before.ns.size(), after.ns.size()) < kFewRepetitions;
  c.noise = std::max({spread_of(before.ns), spread_of(after.ns), few ? kNoiseOfFew : kLeastNoise});
  c.rival = !before.ratios.empty() && !after.ratios.empty();
  if (c.rival) c.ratio_change = median(after.ratios) / median(before.ratios) - 1;
  if (before.all_disturbed || after.all_disturbed) return c;
  c.verdict = verdict_of(c.change, c.noise);
  if (c.rival && verdict_of(c.ratio_change, c.noise) != c.verdict) c.verdict = Verdict::kSame;
  return c;
}

// name, old, new, change, change of the ratio, noise, verdict
constexpr const char* kRow = "%-42s %8s %8s %9s %9s %8s  %s\n";

std::string time_or_dash(double ns) { return ns == 0 ? "-" : time_text(ns); }

void print_contexts(std::ostream& out, const Result& before, const Result& after) {
  for (const auto& [key, value] : after.context)
    if (const auto old = before.context.find(key);
        old != before.context.end() && old->second != value)
      out << "note: " << key << " differs: " << old->second << ", then " << value << '\n';
}

// Most rivals are not code of vitro, so their times show how the machine changed.
void print_rivals(std::ostream& out, const Result& before, const Result& after) {
  std::vector<double> changes;
  for (const auto& [name, times] : after.rows)
    if (const auto old = before.rows.find(name); old != before.rows.end())
      if (!times.rival_ns.empty() && !old->second.rival_ns.empty())
        changes.push_back(median(times.rival_ns) / median(old->second.rival_ns) - 1);
  if (!changes.empty())
    out << format(
        "The column other changed by %+.1f %% (median of %zu rows): mostly a change of the "
        "machine.\n",
        100 * median(changes), changes.size());
}

}  // namespace

void parse_result(std::string_view bytes, const std::string& name, Result& result) {
  try {
    const json file = json::parse(as_json(bytes));
    for (const auto& [key, value] : file.at("context").items())
      if (key == "host_name" || key == "num_cpus" || key == "vitro" || key == "oneDNN" ||
          key == "threads")
        result.context[key] = value.is_string() ? value.get<std::string>() : value.dump();
    for (const json& run : file.at("benchmarks"))
      if (run.value("run_type", "") == "iteration" && !run.value("error_occurred", false))
        add(result.rows[row_name(run.at("run_name").get<std::string>())], repetition_of(run));
  } catch (const std::exception& error) {
    throw std::runtime_error("benchmark file " + name + ": " + error.what());
  }
}

Result read_result(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  Result result;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (!in) throw std::runtime_error("benchmark file " + file.string() + ": cannot be read");
    parse_result(bytes.str(), file.string(), result);
  }
  if (result.rows.empty())
    throw std::runtime_error(path.string() + ": expected repetitions of benchmarks, got none");
  return result;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster: return "faster";
    case Verdict::kSlower: return "slower";
    case Verdict::kSame: return "same";
    case Verdict::kVoid: return "void";
    case Verdict::kMissing: return "missing";
    case Verdict::kNew: return "new";
  }
  return "";
}

std::vector<Comparison> compare(const Result& before, const Result& after) {
  std::vector<Comparison> rows;
  for (const auto& [name, times] : before.rows) {
    const auto found = after.rows.find(name);
    if (found != after.rows.end()) rows.push_back(compare_row(name, times, found->second));
    else rows.push_back({.name = name, .verdict = Verdict::kMissing, .old_ns = median(times.ns)});
  }
  for (const auto& [name, times] : after.rows)
    if (!before.rows.contains(name))
      rows.push_back({.name = name, .verdict = Verdict::kNew, .new_ns = median(times.ns)});
  std::sort(rows.begin(), rows.end(),
            [](const Comparison& a, const Comparison& b) { return a.name < b.name; });
  return rows;
}

void print_comparison(std::ostream& out, const Result& before, const Result& after) {
  print_contexts(out, before, after);
  out << format(kRow, "name/shape", "old", "new", "change", "ratio", "noise", "verdict");
  std::map<Verdict, int> counts;
  for (const Comparison& c : compare(before, after)) {
    const bool both = c.old_ns > 0 && c.new_ns > 0;
    out << format(kRow, c.name.c_str(), time_or_dash(c.old_ns).c_str(),
                  time_or_dash(c.new_ns).c_str(),
                  both ? format("%+.1f %%", 100 * c.change).c_str() : "-",
                  c.rival ? format("%+.1f %%", 100 * c.ratio_change).c_str() : "-",
                  both ? format("%.1f %%", 100 * c.noise).c_str() : "-", name_of(c.verdict));
    ++counts[c.verdict];
  }
  print_rivals(out, before, after);
  const char* separator = "";
  for (const auto& [verdict, count] : counts) {
    out << separator << count << ' ' << name_of(verdict);
    separator = ", ";
  }
  out << '\n';
}

bool is_worse(const std::vector<Comparison>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const Comparison& c) {
    return c.verdict == Verdict::kSlower || c.verdict == Verdict::kMissing;
  });
}

}  // namespace vitro::bench
