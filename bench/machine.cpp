// Measures the rates of products and memory of this machine.
#include "bench/machine.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>

#include "framework/base/parallel.h"
#include "framework/base/runtime.h"
#include "framework/tensor/factories.h"
#include "ops/onednn/gemm.h"

namespace vitro::bench {

namespace {

// The shortest time of `tries` undisturbed runs, or of the runs that fit into half a second.
template <class F>
double best_seconds(int tries, F run) {
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  double best = 1e9;
  for (auto begin = Clock::now(); tries > 0 && since(begin) < 0.5;) {
    const int64_t before = preemptions();
    auto start = Clock::now();
    run();
    best = std::min(best, since(start));
    if (preemptions() == before) --tries;
  }
  return best;
}

double matmul_gflops(DType dtype) {
  constexpr int64_t n = 1024;
  Tensor a = ones({n, n}, dtype), b = ones({n, n}, dtype), c = empty({n, n}, dtype);
  auto address = [](const Tensor& x) { return x.impl()->storage->data; };
  onednn::MatmulCall call{dtype,
                          1,
                          n,
                          n,
                          n,
                          {address(a), n, 1, n * n},
                          {address(b), n, 1, n * n},
                          nullptr,
                          Activation::kNone,
                          false,
                          address(c)};
  return 2e-9 * n * n * n / best_seconds(15, [&] { onednn::matmul(call); });
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

}  // namespace

uint64_t sum_words(const uint64_t* words, int64_t n) {
  std::atomic<uint64_t> total = 0;
  parallel_for(n, n / get_num_threads(), [&](int64_t begin, int64_t end) {
    uint64_t sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += words[i];
    total += sum;
  });
  return total;
}

Machine measure_machine() {
  Machine m{cpu_name(), matmul_gflops(kFloat32), 0, 0, 0};
  m.bfloat16_gflops = onednn::has_bfloat16() ? matmul_gflops(kBFloat16) : m.float32_gflops;

  constexpr int64_t kWords = int64_t{1} << 24;  // 128 MiB
  auto from = std::make_unique<uint64_t[]>(kWords), to = std::make_unique<uint64_t[]>(kWords);
  double read = best_seconds(6, [&] { sum_words(from.get(), kWords); });
  double copy = best_seconds(6, [&] {
    parallel_for(kWords, kWords / get_num_threads(), [&](int64_t begin, int64_t end) {
      std::memcpy(&to[begin], &from[begin], static_cast<size_t>(end - begin) * 8);
    });
  });
  m.read_gbytes = 8e-9 * kWords / read;
  m.copy_gbytes = 16e-9 * kWords / copy;
  return m;
}

int64_t preemptions() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_nivcsw;
}

const Machine& machine() {
  static const Machine one = measure_machine();
  return one;
}

double floor_seconds(double flops, double bytes, DType dtype) {
  const Machine& m = machine();
  double rate = dtype == kBFloat16 ? m.bfloat16_gflops : m.float32_gflops;
  return std::max(flops / rate, bytes / std::max(m.read_gbytes, m.copy_gbytes)) * 1e-9;
}

}  // namespace vitro::bench
