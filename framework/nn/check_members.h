// check_members: whether a module names all that it holds.
#pragma once
#include "module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The same of a root whose bytes are known, or not.
void check_tree(Module& root, std::span<const std::byte> bytes = {});

// ValueError if the model, or a module inside, gives one name to two members, lists a tensor that
// would never be trained, or holds a Module or Parameter as a member of its class that members()
// does not name.  The first walk over a model checks the same, but cannot look into the model
// itself, only into the modules inside: it does not know how large the model is.
// A class whose `forward` overrides nothing does not compile.
template <std::derived_from<Module> M>
void check_members(M& model) {
  static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
  check_tree(model, std::as_bytes(std::span(&model, 1)));
}

}  // namespace nn
}  // namespace vitro
