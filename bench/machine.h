// Measures the limits of the machine; benchmarks are compared with these limits.
#pragma once
#include <string>

#include "framework/base/dtype.h"

namespace vitro::bench {

struct Machine {
  std::string cpu;
  // The rates of a large oneDNN matmul on all threads: within a few percent of the hardware's peak.
  double float32_gflops, bfloat16_gflops;
  // The rates for arrays far larger than the caches, on all threads.  Copied bytes count twice.
  double read_gbytes, copy_gbytes;
};
const Machine& machine();   // measured at the first call
Machine measure_machine();  // measures again

// The shortest time in which this machine can do `flops` operations and move `bytes` bytes.
double floor_seconds(double flops, double bytes, DType dtype);

// The sum of an array, on all threads.  Adding takes hardly longer than reading the array.
uint64_t sum_words(const uint64_t* words, int64_t n);

// How often the system took the core from a running thread of this process.
int64_t preemptions();
inline constexpr double kPreemptionsPerSecond = 30;  // more than this spoils a measurement

}  // namespace vitro::bench
