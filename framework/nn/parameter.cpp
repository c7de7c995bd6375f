// Parameters, and the marks that show where Modules and Parameters lie in memory.
#include "framework/nn/parameter.h"

#include <cstring>

namespace vitro::nn {

Tensor Parameter::leaf_of(const Tensor& x) {
  if (!x.defined() || (x.requires_grad() && x.is_leaf())) return x;
  Tensor leaf = x.detach();
  return leaf.requires_grad_();
}

// The word at p may be padding, or a member that another thread writes at this moment.  Neither is
// a mark, so it does not matter which value is read, and the thread sanitizer must not report it.
__attribute__((no_sanitize("thread"))) const Marked* Marked::find(const std::byte* p, Kind kind) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word == mark_at(p, kind) ? reinterpret_cast<const Marked*>(p) : nullptr;
}

}  // namespace vitro::nn
