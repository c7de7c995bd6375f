// Visitor: members() calls it with the name of every member, and the member.
#pragma once
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "parameter.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

class Module;

// Whether M has a forward with the signature of Module::forward.
template <class M>
concept OverridesForward = requires {
  static_cast<Tensor (M::*)(const Tensor&)>(&M::forward);
};
// Whether M has a forward that takes one tensor and returns one.
template <class M>
concept CallsForward = requires(M& m, Tensor& x) {
  static_cast<Tensor>(m.forward(x));
}
|| requires(M& m, Tensor& x) { static_cast<Tensor>(m.forward(std::move(x))); };
// Whether M has a forward of one tensor that does not override Module::forward, so that a call of
// the module would not run it.  Module::forward takes a `const Tensor&` and is not const.
template <class M>
concept HidesForward = CallsForward<M> && !OverridesForward<M>;

// The base of every walk over modules.
class Visitor {
 public:
  virtual ~Visitor() = default;

  // Visits a Parameter.  A plain tensor must require grad, or be frozen by requires_grad_(false).
  virtual void operator()(const std::string& name, Tensor& parameter) = 0;
  virtual void buffer(const std::string& name, Tensor& buffer) = 0;  // a tensor that is not trained
  void buffer(const std::string& name, Parameter& parameter) = delete;  // a Parameter is trained
  // Visits a child module.  `bytes` is the memory of its static type.
  virtual void child(const std::string& name, Module& child, std::span<const std::byte> bytes) = 0;

  // Visits a child module; a list, as name.0, name.1, ...; or a child or list that may be null.
  template <std::derived_from<Module> M>
  void operator()(const std::string& name, M& module) {
    static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
    child(name, module, std::as_bytes(std::span(&module, 1)));
  }
  template <class T>
  void operator()(const std::string& name, std::vector<T>& members) {
    for (size_t i = 0; i < members.size(); ++i) (*this)(name + "." + std::to_string(i), members[i]);
  }
  template <class T>
  void operator()(const std::string& name, std::unique_ptr<T>& member) {
    if (member) (*this)(name, *member);
  }
};

}  // namespace nn
}  // namespace vitro
