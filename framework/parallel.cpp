// Forking with OpenMP, and the floating-point mode of the threads that compute.
#include "framework/parallel.h"

#include <algorithm>

#include "framework/error.h"
#include "framework/runtime.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace vitro {

#ifdef _OPENMP
void set_num_threads(int n) {
  check<ValueError>(n >= 1, "set_num_threads: at least one thread: got ", n);
  omp_set_num_threads(n);
}
int get_num_threads() { return omp_get_max_threads(); }

void parallel_ranges(int64_t n, int64_t grain, RangeFunction call, const void* f) {
  int64_t threads = std::min<int64_t>(omp_get_max_threads(), n / std::max<int64_t>(grain, 1));
  if (threads < 2 || omp_in_parallel()) {
    FlushToZero flush;
    return call(f, 0, n);
  }
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    FlushToZero flush;
    // Ranges end on multiples of 16 where that is possible, so that no two threads share a line.
    int64_t parts = omp_get_num_threads(), i = omp_get_thread_num();
    int64_t step = (n + parts - 1) / parts;
    if (step >= 64) step = (step + 15) / 16 * 16;
    int64_t begin = std::min(n, i * step), end = std::min(n, begin + step);
    if (begin < end) call(f, begin, end);
  }
}
#else
void set_num_threads(int n) {
  check<ValueError>(n >= 1, "set_num_threads: at least one thread: got ", n);
}
int get_num_threads() { return 1; }
void parallel_ranges(int64_t n, int64_t, RangeFunction call, const void* f) {
  FlushToZero flush;
  call(f, 0, n);
}
#endif

}  // namespace vitro
