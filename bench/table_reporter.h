// One compact line per row, for every benchmark program.
#pragma once
#include <benchmark/benchmark.h>

namespace vitro::bench {

// Shows the median repetition, after those were dropped that lost a core or got clearly fewer cores
// than the best.
class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;
};

}  // namespace vitro::bench
