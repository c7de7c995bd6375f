// A benchmark program calls these functions to register the rows of its table.
#pragma once
#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/machine.h"

namespace vitro::bench {

// Each program defines register_rows, and the text kAbout above its table.
void register_rows();
extern const char* const kAbout;

// The work of one run, and the goal for its time.
struct Work {
  double flops = 0, bytes = 0;
  int ops = 1;             // number of ops in a run; the time shown is per op
  double target = 0;       // goal: ns per op or, with rivals, the most `ratio`; 0: no goal
  DType dtype = kFloat32;  // the peak rate of this dtype is the roof
};

// Seconds of one repetition.  Rows with rivals take five times as long.
inline double g_min_seconds = 0.1;

// Turns the work into counters, which the table and the JSON file show.
void count(benchmark::State& state, const Work& work);

// Counts the preemptions per second since preemptions() returned `before`.
void count_preemptions(benchmark::State& state, int64_t before);

// Registers a row, `name/shape`, that times the function that prepare() returns.
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

// Runs something n times.  A batch is timed as a whole, so that the clock is read rarely.
using Batch = std::function<void(int64_t n)>;
template <class F>
Batch batch(F run) {
  return [run](int64_t n) mutable {
    for (int64_t i = 0; i < n; ++i) run();
  };
}

// Times batches of the rivals in turn, so that a disturbance of the machine affects all rivals.
// Reports the median time of the first rival, the median time of the best other rival, and the
// median ratio of their batches in a round.  A round in which the system took a core away is
// repeated.
void interleave(benchmark::State& state, const std::vector<Batch>& rivals);

// Registers a row that compares rivals.  prepare() returns their batches; the first batch is the
// one that the row's name describes.
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
