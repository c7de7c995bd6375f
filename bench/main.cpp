// main() of every benchmark program.  It takes Google Benchmark's options and prints vitro's table.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "bench/rows.h"
#include "bench/table_reporter.h"
#include "framework/base/runtime.h"

int main(int argc, char** argv) {
  char time_option[] = "--benchmark_min_time=0.1", repetitions[] = "--benchmark_repetitions=5";
  // The options of the user come later and win.
  std::vector<char*> options{argv[0], time_option, repetitions};
  options.insert(options.end(), argv + 1, argv + argc);
  constexpr std::string_view kMinTime = "--benchmark_min_time=";
  for (std::string_view option : options)
    if (option.starts_with(kMinTime))
      vitro::bench::g_min_seconds = std::strtod(option.data() + kMinTime.size(), nullptr);

  int count = static_cast<int>(options.size());
  benchmark::Initialize(&count, options.data());
  if (benchmark::ReportUnrecognizedArguments(count, options.data())) return 2;
  vitro::VersionInfo version = vitro::version_info();
  benchmark::AddCustomContext("vitro", version.version + " (" + version.simd + ")");
  benchmark::AddCustomContext("oneDNN", version.onednn);
  benchmark::AddCustomContext("threads", std::to_string(version.threads));
  vitro::bench::register_rows();
  vitro::bench::TableReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
}
