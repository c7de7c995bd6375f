// Visitor: to whom a module shows its members, by name.
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

template <class M>
concept OverridesForward = requires {
  static_cast<Tensor (M::*)(const Tensor&)>(&M::forward);
};
template <class M>
concept CallsForward = requires(M& m, Tensor& x) {
  static_cast<Tensor>(m.forward(x));
}
|| requires(M& m, Tensor& x) { static_cast<Tensor>(m.forward(std::move(x))); };
// Whether M declares a forward of a tensor that a call of the module would miss, because it is not
// Module's virtual one: that takes a `const Tensor&`, and is not const.
template <class M>
concept HidesForward = CallsForward<M> && !OverridesForward<M>;

class Visitor {
 public:
  virtual ~Visitor() = default;

  // A Parameter.  A plain tensor must require grad, or have been frozen by requires_grad_(false).
  virtual void operator()(const std::string& name, Tensor& parameter) = 0;
  virtual void buffer(const std::string& name, Tensor& buffer) = 0;  // state that is not trained
  void buffer(const std::string& name, Parameter& parameter) = delete;
  // `bytes` are those of the child as far as its class is known.
  virtual void child(const std::string& name, Module& child, std::span<const std::byte> bytes) = 0;

  template <std::derived_from<Module> M>
  void operator()(const std::string& name, M& module) {
    static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
    child(name, module, std::as_bytes(std::span(&module, 1)));
  }
  template <class T>
  void operator()(const std::string& name, std::vector<T>& members) {  // name.0, name.1, ...
    for (size_t i = 0; i < members.size(); ++i) (*this)(name + "." + std::to_string(i), members[i]);
  }
  template <class T>
  void operator()(const std::string& name, std::unique_ptr<T>& member) {
    if (member) (*this)(name, *member);
  }
};

}  // namespace nn
}  // namespace vitro
