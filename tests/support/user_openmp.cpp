// Runs OpenMP regions as a user's program would.
#include "tests/support/user_openmp.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace user_openmp {

#ifdef _OPENMP
bool available() { return true; }
void set_threads(int n) { omp_set_num_threads(n); }
int max_threads() { return omp_get_max_threads(); }
void region(int threads, const std::function<void()>& f) {
#pragma omp parallel num_threads(threads)
  f();
}
#else
bool available() { return false; }
void set_threads(int) {}
int max_threads() { return 1; }
void region(int, const std::function<void()>& f) { f(); }
#endif

}  // namespace user_openmp
