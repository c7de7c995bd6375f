// TableReporter: prints the table of a benchmark program, one line per row.
#pragma once
#include <benchmark/benchmark.h>

namespace vitro::bench {

// Shows the median of the repetitions.  Leaves out repetitions that lost a core, or had clearly
// fewer cores than the best repetition.
class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;
};

}  // namespace vitro::bench
