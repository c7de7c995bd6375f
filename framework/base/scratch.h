// Scratch: uninitialized memory that is freed at the end of a scope.
#pragma once
#include "framework/base/allocator.h"

namespace vitro {

class Scratch {
 public:
  explicit Scratch(size_t bytes) : bytes_(bytes), data_(bytes ? allocate(bytes) : nullptr) {}
  ~Scratch() {
    if (data_) deallocate(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }  // null for 0 bytes

 private:
  size_t bytes_;
  void* data_;
};

}  // namespace vitro
