// check_members checks that members() of a module names all Modules and Parameters of the module.
#pragma once
#include "module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// check_members() for a root.  `bytes` is the memory of the root, if its class is known.
void check_tree(Module& root, std::span<const std::byte> bytes = {});

// Throws ValueError if members(), of the model or of a module inside, gives two members the same
// name, names a tensor that would never be trained, or does not name a Module or Parameter that is
// a member of the class.  The first walk over a model makes the same checks, but cannot find
// forgotten members of the root itself, because it does not know the size of the root.
// A class with a `forward` that does not override Module's does not compile.
template <std::derived_from<Module> M>
void check_members(M& model) {
  static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
  check_tree(model, std::as_bytes(std::span(&model, 1)));
}

}  // namespace nn
}  // namespace vitro
