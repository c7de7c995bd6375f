// The kinds of hooks that a module has.
#pragma once
#include "../autograd/hooks.h"
#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

class Module;

// A hook returns the tensor that replaces x, y or grad_input.  If it returns an undefined tensor,
// or nothing, the value stays.
using ForwardPreHook = Tensor(Module&, const Tensor& x);
using ForwardHook = Tensor(Module&, const Tensor& x, const Tensor& y);
using FullBackwardHook = Tensor(Module&, const Tensor& grad_input, const Tensor& grad_output);

// The hooks of one module.  Moving the module does not change their address.
struct ModuleHooks {
  std::shared_ptr<HookList<ForwardPreHook>> pre;         // run before forward
  std::shared_ptr<HookList<ForwardHook>> forward;        // run after forward
  std::shared_ptr<HookList<FullBackwardHook>> backward;  // run in backward
  Module* module = nullptr;  // where the module is; null once it is destroyed
};

// The state that the two nodes of one hooked call share.  Its address is the key of the run_note()
// that stores the output's gradient until the input's gradient is known.
struct BackwardHookState {
  std::shared_ptr<ModuleHooks> hooks;  // of the module
  bool input_needs_grad;               // whether the input of the call requires grad
};

// Removes a hook at the end of a scope.
class ScopedHook {
 public:
  // Takes the handle of the hook; the destructor removes the hook.
  explicit ScopedHook(RemovableHandle handle) : handle_(std::move(handle)) {}
  ~ScopedHook() { handle_.remove(); }
  ScopedHook(const ScopedHook&) = delete;
  ScopedHook& operator=(const ScopedHook&) = delete;

 private:
  RemovableHandle handle_;
};

}  // namespace nn
}  // namespace vitro
