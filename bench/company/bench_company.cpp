// Compares runs on all threads with runs on one thread, while other programs use the cores.
#include <algorithm>
#include <chrono>
#include <memory>

#include "bench/company/neighbours.h"
#include "bench/gpt_cases.h"
#include "bench/mini_lm_cases.h"
#include "framework/base/parallel.h"

namespace vitro::bench {

const char* const kAbout =
    "Time: one run on all threads while the named programs run; other = the same on one thread.\n"
    "Medians of five pairs of windows, and of their ratios.  Run this when no other program runs.";

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Runs until the window is over, and returns the seconds per run.
double window(const std::function<void()>& run, double seconds) {
  const auto begin = Clock::now();
  int64_t runs = 0;
  do run(), ++runs;
  while (since(begin) < seconds);
  return since(begin) / static_cast<double>(runs);
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

// Registers a row; prepare() returns the function to run.  With `twice`, the neighbour is a second
// process that runs the same function.
template <class Prepare>
void company_row(const std::string& name, Company company, double target, Prepare prepare,
                 bool twice = false) {
  const std::string shape = twice ? "itself" : name_of(company);
  benchmark::RegisterBenchmark(
      (name + "/" + shape).c_str(),
      [=](benchmark::State& state) {
        const std::function<void()> run = prepare();
        const int all = get_num_threads();
        std::vector<double> seconds[2], ratios;
        for (int round = 0; round < 5; ++round) {
          double pair[2];
          for (int i : {round % 2, 1 - round % 2}) {  // every other round in reverse order
            set_num_threads(i == 0 ? all : 1);
            run();
            const auto beside =
                twice ? std::make_unique<Neighbours>(run) : std::make_unique<Neighbours>(company);
            window(run, 0.25 * 10 * g_min_seconds);  // lets the system settle
            pair[i] = window(run, 10 * g_min_seconds);
            seconds[i].push_back(pair[i]);
          }
          ratios.push_back(pair[0] / pair[1]);
        }
        set_num_threads(all);
        for (auto _ : state) state.SetIterationTime(median(seconds[0]));
        state.counters["other_ns"] = 1e9 * median(seconds[1]);
        state.counters["ratio"] = median(ratios);
        if (target > 0) state.counters["target"] = target;
      })
      ->UseManualTime()
      ->Iterations(1)
      ->Repetitions(1);
}

// Runs an empty loop `times` times.  turns_per_microsecond() measures it on an idle core.
void turn(int64_t times) {
  for (int64_t i = 0; i < times; ++i) asm volatile("" ::: "memory");
}
int64_t turns_per_microsecond() {
  static const int64_t turns = [] {
    constexpr int64_t kTurns = 10'000'000;
    double best = 1;
    for (int i = 0; i < 10; ++i) {
      const auto begin = Clock::now();
      turn(kTurns);
      best = std::min(best, since(begin));
    }
    return static_cast<int64_t>(1e-6 * kTurns / best);
  }();
  return turns;
}
void work(int64_t microseconds) { turn(microseconds * turns_per_microsecond()); }

void fork_rows() {
  for (Company company : {Company::kNone, Company::kOneLoop, Company::kTwoLoops})
    for (int64_t length : {50, 200, 1000})
      for (int64_t gap : {0, 30, 100, 300})
        company_row("fork " + std::to_string(length) + " us, gap " + std::to_string(gap), company,
                    0, [=] {
                      return [=] {
                        parallel_for(length, length / 8,
                                     [](int64_t begin, int64_t end) { work(end - begin); });
                        work(gap);
                      };
                    });
}

const MiniLMSize kTrained{"MiniLM", 65, 64, 256, 32, 8};  // as in `vitro train --n-hidden 256`

}  // namespace

void register_rows() {
  fork_rows();
  for (Company company :
       {Company::kNone, Company::kOneLoop, Company::kLoopPerCore, Company::kLoopAndTurns}) {
    const double target = company == Company::kNone ? 0 : 1.0;
    company_row("MiniLM training step", company, target, [] { return MiniLMStep(kTrained); });
    company_row("G1 training step", company, target, [] { return GPTStep(kGPTSizes[0]); });
    company_row("G1 generates 32 tokens", company, target, [] {
      return [c = GPTCase(kGPTSizes[0])] {
        models::generate(*c.model, std::vector<int64_t>{1, 2, 3, 4}, {.max_new_tokens = 32});
      };
    });
    for (int i = 0; i < 3; ++i)
      company_row(kMiniLMSizes[i].name + " forward", company, target, [i] {
        return [c = MiniLMCase(kMiniLMSizes[i])] {
          NoGradGuard unrecorded;
          (*c.model)(c.ids);
        };
      });
  }
  company_row(
      "MiniLM training step", Company::kNone, 1 / 0.95, [] { return MiniLMStep(kTrained); },
      /*twice=*/true);
}

}  // namespace vitro::bench
