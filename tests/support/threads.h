// A number of threads that lasts for a scope.
#pragma once
#include "framework/base/runtime.h"

namespace vitro::testing {

// Sets the process's number of threads, and puts the old number back at the end.
class Threads {
 public:
  explicit Threads(int n) { set_num_threads(n); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  const int before_ = get_num_threads();
};

}  // namespace vitro::testing
