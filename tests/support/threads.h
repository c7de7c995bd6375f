// Changes the number of threads of the process until the end of a scope.
#pragma once
#include "framework/base/runtime.h"

namespace vitro::testing {

// The destructor restores the old number.
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
