// check_members checks that a module names every Module and Parameter that it holds.
#pragma once
#include "module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// check_members() for a root of which only the address is known, or also its bytes.
void check_tree(Module& root, std::span<const std::byte> bytes = {});

// Throws ValueError if members() of the model or of a module inside gives two members one name,
// names a tensor that would never be trained, or does not name a Module or Parameter that is a
// member of the class.  The first walk over a model checks this too, but not for forgotten members
// of the root itself, whose size it does not know.
// A class with a `forward` that does not override Module's does not compile.
template <std::derived_from<Module> M>
void check_members(M& model) {
  static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
  check_tree(model, std::as_bytes(std::span(&model, 1)));
}

}  // namespace nn
}  // namespace vitro
