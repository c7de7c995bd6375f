// parallel_for: runs a loop on the threads of the process's one pool.
#pragma once
#include <cstdint>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace vitro {

using RangeFunction = void (*)(const void* f, int64_t begin, int64_t end);
void parallel_ranges(int64_t n, int64_t grain, RangeFunction call, const void* f);

// For a scope, the calling thread reads and writes denormal numbers as zero (kFlush), or exactly.
template <bool kFlush>
class DenormalMode {
 public:
#if defined(__SSE__)
  DenormalMode() : before_(_mm_getcsr()) {
    if (before_ != wanted()) _mm_setcsr(wanted());
  }
  ~DenormalMode() {
    if (before_ != wanted()) _mm_setcsr(before_);
  }
#endif
  DenormalMode(const DenormalMode&) = delete;
  DenormalMode& operator=(const DenormalMode&) = delete;

 private:
  static constexpr uint32_t kBits = 0x8040;
  uint32_t wanted() const { return kFlush ? before_ | kBits : before_ & ~kBits; }
  uint32_t before_ = 0;
};
using FlushToZero = DenormalMode<true>;     // for arithmetic; set inside every parallel_for
using KeepDenormals = DenormalMode<false>;  // for conversions, which keep every value that fits

// Calls f(begin, end) on disjoint ranges that cover [0, n).  The calling thread and the workers of
// the pool each take the next range when they are free.  If there are several ranges, all but the
// last have at least `grain` items; choose a grain of about 10 us of work.
// The calling thread runs [0, n) alone if n < 2 grain, inside a range of another parallel_for, and
// while another thread uses the pool.  f must not depend on where the ranges are cut.
// If f throws, all other ranges still run; then the first exception is rethrown here.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
  if (n < 2 * grain) {
    FlushToZero flush;
    f(int64_t{0}, n);
    return;
  }
  parallel_ranges(
      n, grain,
      [](const void* g, int64_t begin, int64_t end) { (*static_cast<const F*>(g))(begin, end); },
      &f);
}

// The grain of a loop whose items have `each` numbers, for ranges of about `worth` numbers.
constexpr int64_t grain_of(int64_t worth, int64_t each) {
  return each > 1 ? (each < worth ? worth / each : 1) : worth;
}

// Counts since the process began.  Tests check these counts instead of times, which vary.
struct PoolStats {
  uint64_t jobs;    // loops that used the pool
  uint64_t alone;   // loops that ran on one thread because another thread used the pool
  uint64_t helped;  // ranges that workers ran
  uint64_t sleeps;  // how often a worker went to sleep
  int workers;      // threads that the pool has started
};
PoolStats pool_stats();

}  // namespace vitro
