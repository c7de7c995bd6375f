// What the machine can do: the limits that the figures are compared with, measured at the start.
#pragma once
#include <string>

#include "framework/base/dtype.h"

namespace vitro::bench {

struct Machine {
  std::string cpu;
  // Of a large oneDNN matmul on all threads, which comes within a few percent of the multipliers.
  double float32_gflops, bfloat16_gflops;
  // Of arrays far larger than the caches, on all threads; copied bytes count twice.
  double read_gbytes, copy_gbytes;
};
const Machine& machine();  // as measured at the start
Machine measure_machine();

// The least seconds that `flops` and `bytes` of memory traffic take on this machine.
double floor_seconds(double flops, double bytes, DType dtype);

// The sum of an array, on all threads: what reading it at least takes.
uint64_t sum_words(const uint64_t* words, int64_t n);

// How often the system took a core from a thread of ours that would have gone on.
int64_t preemptions();
inline constexpr double kPreemptionsPerSecond = 30;  // more than these spoil a measurement

}  // namespace vitro::bench
