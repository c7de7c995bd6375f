// TensorList: the gradients that an op's backward returns.
#pragma once
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// The gradients of an op's inputs, in the order of the inputs.  Up to four are stored inline.
class TensorList {
 public:
  TensorList() = default;  // no tensors
  // A list of these tensors.
  template <class... T>
  TensorList(Tensor first, T... rest) {  // NOLINT: `return {da, db};`
    push_back(std::move(first));
    (push_back(std::move(rest)), ...);
  }
  // Adds a tensor at the end.
  void push_back(Tensor x) {
    if (size_ < kInline) first_[size_] = std::move(x);
    else more_.push_back(std::move(x));
    ++size_;
  }
  // The number of tensors, and tensor i.
  size_t size() const { return size_; }
  Tensor& operator[](size_t i) { return i < kInline ? first_[i] : more_[i - kInline]; }

 private:
  static constexpr size_t kInline = 4;
  Tensor first_[kInline];
  std::vector<Tensor, PoolAllocator<Tensor>> more_;
  size_t size_ = 0;
};

}  // namespace vitro
