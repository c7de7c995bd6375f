// clone copies modules.
#pragma once
#include <utility>

#include "check_members.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Gives `copy` the values, dtypes, tied tensors and training modes of `source`.  ValueError unless
// the two have the same structure.
void copy_members(Module& source, Module& copy);

// A deep copy: constructs a second M from the same arguments, as in clone(model, config), and
// copies the members.  Hooks are not copied, and the default generator does not change.  ValueError
// if members() of the source forgets a member, because the copy would lack its values
// (check_members).
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
