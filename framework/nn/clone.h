// Copies of modules.
#pragma once
#include <utility>

#include "check_members.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Gives `copy` the values, dtypes, ties and modes of `source`, a module of the same structure.
void copy_members(Module& source, Module& copy);

// A deep copy, made by constructing the class again from the same arguments: clone(model, config).
// Hooks are not copied; the default generator is left as it was.  ValueError for a source whose
// members() forgets something, which the copy would lack (check_members).
template <class M, class... Args>
M clone(M& source, Args&&... args) {
  check_members(source);
  KeepGenerator keep;
  M copy(std::forward<Args>(args)...);
  copy_members(source, copy);
  return copy;
}

}  // namespace nn
}  // namespace vitro
