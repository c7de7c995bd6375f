// parallel_for: the one place where loops fork, over the pool that oneDNN already uses.
#pragma once
#include <cstdint>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace vitro {

using RangeFunction = void (*)(const void* f, int64_t begin, int64_t end);
void parallel_ranges(int64_t n, int64_t grain, RangeFunction call, const void* f);

// Denormal numbers are read and written as zero while one lives, on every thread that computes.
class FlushToZero {
 public:
#if defined(__SSE__)
  FlushToZero() : before_(_mm_getcsr()) {
    if ((before_ & kBits) != kBits) _mm_setcsr(before_ | kBits);
  }
  ~FlushToZero() {
    if ((before_ & kBits) != kBits) _mm_setcsr(before_);
  }
#endif
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;

 private:
  static constexpr uint32_t kBits = 0x8040;
  uint32_t before_ = 0;
};

// Calls f(begin, end) on disjoint ranges that cover [0, n), each at least `grain` long if more than
// one: below 2 x grain, or inside another parallel_for, on the calling thread.  A grain is worth a
// fork at about 10 us of work.  f must not depend on where the ranges are cut, and must not throw.
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

}  // namespace vitro
