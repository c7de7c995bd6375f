// The kinds of hooks that a module takes.
#pragma once
#include "../autograd/hooks.h"
#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

class Module;

// A hook returns the value to use instead; an undefined tensor, or nothing, leaves it.
using ForwardPreHook = Tensor(Module&, const Tensor& x);
using ForwardHook = Tensor(Module&, const Tensor& x, const Tensor& y);
using FullBackwardHook = Tensor(Module&, const Tensor& grad_input, const Tensor& grad_output);

// The hooks of one module, at an address that moving the module keeps.
struct ModuleHooks {
  std::shared_ptr<HookList<ForwardPreHook>> pre;
  std::shared_ptr<HookList<ForwardHook>> forward;
  std::shared_ptr<HookList<FullBackwardHook>> backward;
  Module* module = nullptr;  // where the module is; null once it died
};

// What the two ends of one hooked call share; its address keys the gradient between them.
struct BackwardHookState {
  std::shared_ptr<ModuleHooks> hooks;
  bool input_needs_grad;
};

// Removes a hook at the end of its scope.
class ScopedHook {
 public:
  explicit ScopedHook(RemovableHandle handle) : handle_(std::move(handle)) {}
  ~ScopedHook() { handle_.remove(); }
  ScopedHook(const ScopedHook&) = delete;
  ScopedHook& operator=(const ScopedHook&) = delete;

 private:
  RemovableHandle handle_;
};

}  // namespace nn
}  // namespace vitro
