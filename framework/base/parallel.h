// parallel_for: the one place where loops fork, over the one pool of threads of the process.
#pragma once
#include <cstdint>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace vitro {

using RangeFunction = void (*)(const void* f, int64_t begin, int64_t end);
void parallel_ranges(int64_t n, int64_t grain, RangeFunction call, const void* f);

// Sets, for its scope and thread, whether denormal numbers are read and written as zero.
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
using FlushToZero = DenormalMode<true>;     // arithmetic: inside every parallel_for
using KeepDenormals = DenormalMode<false>;  // conversions, which change no value that fits

// Calls f(begin, end) on disjoint ranges that cover [0, n).  The calling thread works too; the
// pool's workers claim ranges as they come.  Each range but the last is at least `grain` long if
// there is more than one; a grain is worth a fork at about 10 us of work.  Below 2 x grain, inside
// a range of a loop that forked, and while another thread uses the pool, the calling thread does
// everything itself.
// f must not depend on where the ranges are cut.  When f throws, all other ranges still run; then
// the first exception is rethrown here.
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

// The grain of a loop over items of `each` numbers, of which `worth` are worth a fork.
constexpr int64_t grain_of(int64_t worth, int64_t each) {
  return each > 1 ? (each < worth ? worth / each : 1) : worth;
}

// Counts since the process began.  They are what tests look at, since they never look at the time.
struct PoolStats {
  uint64_t jobs;    // loops that had the pool
  uint64_t alone;   // loops long enough to fork that one thread ran by itself
  uint64_t helped;  // ranges that workers ran
  uint64_t sleeps;  // how often a worker went to sleep
  int workers;      // threads that the pool has started
};
PoolStats pool_stats();

}  // namespace vitro
