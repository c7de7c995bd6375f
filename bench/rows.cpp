// Times rivals in turn, and fills the counters of a row.
#include "bench/rows.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/numbers.h"

namespace vitro::bench {

namespace {

constexpr double kBatchSeconds = 300e-6;

double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Timing {
  double wall, cpu;
};
// Sleeps first, because the threads of the previous rival may still spin.  Then runs once, so that
// the threads of this rival are awake before the clock starts.
Timing timed(const Batch& run, int64_t n) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  run(1);
  double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
  run(n);
  wall = now(CLOCK_MONOTONIC) - wall;
  return {wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu};
}

// How many runs make a batch of kBatchSeconds.  Measured again, up to ten times, if disturbed.
int64_t batch_size(const Batch& run) {
  int64_t n = 1;
  for (int tries = 0; tries < 10; ++tries) {
    run(1);
    const int64_t before = preemptions();
    for (n = 1; n < (1 << 20) && timed(run, n).wall < kBatchSeconds;) n *= 2;
    if (preemptions() == before) break;
  }
  return n;
}

}  // namespace

void interleave(benchmark::State& state, const std::vector<Batch>& rivals) {
  const size_t count = rivals.size();
  std::vector<int64_t> size;
  for (const Batch& run : rivals) size.push_back(batch_size(run));
  std::vector<std::vector<double>> seconds(count);  // per run, by rival and round
  double wall = 0, cpu = 0, spoilt = 0;
  const double start = now(CLOCK_MONOTONIC), enough = start + 5 * g_min_seconds,
               patience = start + 15 * g_min_seconds;
  for (int round = 0; seconds[0].size() < 7 || now(CLOCK_MONOTONIC) < enough; ++round) {
    std::vector<Timing> times(count);
    const int64_t before = preemptions();
    const double began = now(CLOCK_MONOTONIC);
    for (size_t i = 0; i < count; ++i) {
      size_t at = round % 2 ? count - 1 - i : i;  // odd rounds run in reverse order
      times[at] = timed(rivals[at], size[at]);
    }
    const double end = now(CLOCK_MONOTONIC);
    const auto taken = static_cast<double>(preemptions() - before);
    if (taken > kPreemptionsPerSecond * (end - began)) {
      if (end < patience) continue;
      spoilt += taken;
    }
    wall += times[0].wall, cpu += times[0].cpu;
    for (size_t i = 0; i < count; ++i)
      seconds[i].push_back(times[i].wall / static_cast<double>(size[i]));
  }
  size_t best = 1;
  for (size_t i = 2; i < count; ++i)
    if (median(seconds[i]) < median(seconds[best])) best = i;
  std::vector<double> ratios;
  for (size_t i = 0; i < seconds[0].size(); ++i) ratios.push_back(seconds[0][i] / seconds[best][i]);
  for (auto _ : state) state.SetIterationTime(median(seconds[0]));
  state.counters["cores"] = cpu / wall;
  state.counters["preempted"] = spoilt / (now(CLOCK_MONOTONIC) - start);
  state.counters["other_ns"] = 1e9 * median(seconds[best]);
  state.counters["ratio"] = median(ratios);
}

void count_preemptions(benchmark::State& state, int64_t before) {
  state.counters["preempted"] =
      benchmark::Counter(static_cast<double>(preemptions() - before), benchmark::Counter::kIsRate);
}

void count(benchmark::State& state, const Work& work) {
  using benchmark::Counter;
  auto per_second = [](double x) { return Counter(x, Counter::kIsIterationInvariantRate); };
  if (work.flops > 0) state.counters["GFLOP/s"] = per_second(work.flops * 1e-9);
  if (work.bytes > 0) state.counters["GB/s"] = per_second(work.bytes * 1e-9);
  if (work.flops > 0 || work.bytes > 0)
    state.counters["roof"] = per_second(floor_seconds(work.flops, work.bytes, work.dtype));
  if (work.ops > 1)
    state.counters["ns/op"] =
        Counter(work.ops * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
  if (const auto other = state.counters.find("other_ns"); other != state.counters.end())
    other->second.value /= work.ops;
  if (work.target > 0) state.counters["target"] = work.target;
}

}  // namespace vitro::bench
