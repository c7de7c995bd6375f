// Changes the number of threads for a scope.
#pragma once
#include "framework/base/runtime.h"

namespace vitro::testing {

// Sets the number of threads of the process, and restores the old number at the end of the scope.
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
