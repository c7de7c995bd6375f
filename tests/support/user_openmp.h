// Calls OpenMP as a user's program may do.  Without OpenMP in the compiler, these do nothing.
#pragma once
#include <functional>

namespace user_openmp {

bool available();
void set_threads(int n);
int max_threads();
void region(int threads, const std::function<void()>& f);  // calls f on each thread of a region

}  // namespace user_openmp
