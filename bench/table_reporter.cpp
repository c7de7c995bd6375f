// Prints the header of the table, the rows and their marks.
#include "bench/table_reporter.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "bench/machine.h"
#include "bench/numbers.h"
#include "bench/rows.h"
#include "framework/base/runtime.h"

namespace vitro::bench {

namespace {

using Run = benchmark::BenchmarkReporter::Run;

constexpr double kNoisy = 0.15;      // spread of the repetitions, relative to the median
constexpr double kFewerCores = 0.9;  // relative to the best repetition

std::string number_text(double x) { return format(x < 99.95 ? "%.1f" : "%.0f", x); }

void print_line(std::ostream& out, const std::string (&cell)[10], const std::string& mark) {
  constexpr int kWidth[] = {-30, -18, 8, 8, 6, 5, 5, 8, 5, 12};
  std::string line;
  for (int i = 0; i < 10; ++i)
    line += format("%*s", kWidth[i], cell[i].c_str()) + (i < 9 ? " " : "");
  line += mark;
  out << line.substr(0, line.find_last_not_of(' ') + 1) << std::endl;
}

double seconds(const Run& run) {
  return run.real_accumulated_time / static_cast<double>(run.iterations);
}
double counter(const Run& run, const char* name) {
  auto it = run.counters.find(name);
  return it == run.counters.end() ? 0 : it->second.value;
}
// CPU time / wall time.  The system counts the CPU time of other threads up to a tick late, so a
// short batch may seem to use more cores than there are.
double cores(const Run& run) {
  double given = counter(run, "cores");  // set in rows of rivals
  double taken = given > 0 ? given : run.cpu_accumulated_time / run.real_accumulated_time;
  return std::min<double>(taken, get_num_threads());
}

bool disturbed(const Run& run) { return counter(run, "preempted") > kPreemptionsPerSecond; }

std::string target_text(const Run& run, double ns) {
  double target = counter(run, "target"), ratio = counter(run, "ratio");
  if (target == 0) return "";
  bool reached = (ratio > 0 ? ratio : ns) <= target;
  return (ratio > 0 ? format("%.2f", target) : time_text(target)) + (disturbed(run) ? " ?"
                                                                     : reached      ? " ok"
                                                                                    : " MISS");
}

void print_run(std::ostream& out, const Run& run, bool noisy) {
  auto at = run.run_name.function_name.rfind('/');
  const std::string& name = run.run_name.function_name;
  double per_op = counter(run, "ns/op"), ns = per_op > 0 ? per_op : 1e9 * seconds(run);
  auto shown = [&](const char* key, auto text) {
    return counter(run, key) > 0 ? text(counter(run, key)) : std::string();
  };
  const std::string cells[] = {
      name.substr(0, at),
      name.substr(at + 1),
      time_text(ns),
      shown("GFLOP/s", number_text),
      shown("GB/s", number_text),
      shown("roof", [](double x) { return format("%.0f%%", 100 * x); }),
      format("%.2f", cores(run)),
      shown("other_ns", time_text),
      shown("ratio", [](double x) { return format("%.2f", x); }),
      target_text(run, ns),
  };
  std::string mark = noisy ? " ~" : "";
  if (disturbed(run)) mark += " !";
  print_line(out, cells, mark);
}

std::string limits_text(const Machine& m) {
  return "matmul f32 " + number_text(m.float32_gflops) + ", bf16 " +
         number_text(m.bfloat16_gflops) + " GFLOP/s (oneDNN, 1024^3); memory read " +
         number_text(m.read_gbytes) + ", copy " + number_text(m.copy_gbytes) + " GB/s";
}

#ifdef __clang__
const char* const kCompiler = __VERSION__;
#else
const char* const kCompiler = "g++ " __VERSION__;
#endif

}  // namespace

bool TableReporter::ReportContext(const Context&) {
  VersionInfo v = version_info();
  const Machine& m = machine();
  std::ostream& out = GetOutputStream();
  out << "vitro " << v.version << " (" << v.simd << "), oneDNN " << v.onednn << ", " << v.threads
      << (v.threads == 1 ? " thread, " : " threads, ") << m.cpu << "; built by " << kCompiler
      << "\nLimits: " << limits_text(m) << '\n'
      << kAbout << '\n';
  print_line(
      out,
      {"name", "shape", "time", "GFLOP/s", "GB/s", "roof", "cores", "other", "ratio", "target"},
      "");
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<const Run*> kept;
  for (const Run& run : runs) {
    if (run.error_occurred)
      GetOutputStream() << run.benchmark_name() << ": " << run.error_message << '\n';
    else if (run.run_type == Run::RT_Iteration)  // not an aggregate made by the library
      kept.push_back(&run);
  }
  auto keep_unless = [&kept](auto bad) {
    if (!std::all_of(kept.begin(), kept.end(), bad)) std::erase_if(kept, bad);
  };
  keep_unless([](const Run* run) { return disturbed(*run); });
  double most = 0;
  for (const Run* run : kept) most = std::max(most, cores(*run));
  keep_unless([most](const Run* run) { return cores(*run) < kFewerCores * most; });
  if (kept.empty()) return;
  std::sort(kept.begin(), kept.end(),
            [](const Run* a, const Run* b) { return seconds(*a) < seconds(*b); });
  const Run& middle = *kept[kept.size() / 2];
  bool noisy = seconds(*kept.back()) - seconds(*kept.front()) > kNoisy * seconds(middle);
  print_run(GetOutputStream(), middle, noisy);
}

// Measures the limits again: a virtual machine may run at half speed for minutes without notice.
void TableReporter::Finalize() {
  GetOutputStream() << "Limits at the end: " << limits_text(measure_machine()) << '\n';
}

}  // namespace vitro::bench
