// How a program registers its rows: what is timed, what it amounts to, and what it must reach.
#pragma once
#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/machine.h"

namespace vitro::bench {

// Each program defines these two: its rows, and the lines that stand above them.
void register_rows();
extern const char* const kAbout;

// What one run amounts to.
struct Work {
  double flops = 0, bytes = 0;
  int ops = 1;        // the time shown is that of one of these
  double target = 0;  // milestone: ns per op or, beside a rival, times the rival's time; 0: none
  DType dtype = kFloat32;  // whose peak it is compared with
};

// The length of one repetition; rows that interleave rivals take five times as long.
inline double g_min_seconds = 0.1;

// Turns the work into counters: they are what the table and the JSON show.
void count(benchmark::State& state, const Work& work);

// Counts those since there were `before`, per second.
void count_preemptions(benchmark::State& state, int64_t before);

// Times what prepare() returns.  The row's name is `name/shape`.
template <class Prepare>
void row(const std::string& name, const std::string& shape, const Work& work, Prepare prepare) {
  benchmark::RegisterBenchmark((name + "/" + shape).c_str(),
                               [=](benchmark::State& state) {
                                 auto run = prepare();
                                 run();
                                 const int64_t before = preemptions();
                                 for (auto _ : state) run();
                                 count_preemptions(state, before);
                                 count(state, work);
                               })
      ->UseRealTime()
      ->MeasureProcessCPUTime();
}

// Runs something n times; a batch, so that the clock is read seldom.
using Batch = std::function<void(int64_t n)>;
template <class F>
Batch batch(F run) {
  return [run](int64_t n) mutable {
    for (int64_t i = 0; i < n; ++i) run();
  };
}

// Times rivals batch by batch in turn, so that whatever disturbs the machine meets all of them.
// Shown: the first one's median time, the median time of the best other one, and the median of the
// ratios of neighbouring batches.  Rounds in which a core was taken from us are repeated.
void interleave(benchmark::State& state, const std::vector<Batch>& rivals);

// A row of rivals: prepare() returns their batches, the one that the row is named for first.
template <class Prepare>
void rivals(const std::string& name, const std::string& shape, const Work& work, Prepare prepare) {
  benchmark::RegisterBenchmark((name + "/" + shape).c_str(),
                               [=](benchmark::State& state) {
                                 interleave(state, prepare());
                                 count(state, work);
                               })
      ->UseManualTime()
      ->Iterations(1)
      ->Repetitions(1);
}

}  // namespace vitro::bench
