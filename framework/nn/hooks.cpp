// Registers the hooks of a module, and runs them in its call.
#include "framework/autograd/run.h"
#include "framework/nn/module.h"

namespace vitro::nn {

ModuleHooks& Module::hooks() {
  if (!hooks_) {
    hooks_ = std::make_shared<ModuleHooks>();
    hooks_->module = this;
  }
  return *hooks_;
}
RemovableHandle Module::register_forward_pre_hook(Hook<ForwardPreHook> hook) {
  return add_hook(hooks().pre, std::move(hook.function));
}
RemovableHandle Module::register_forward_hook(Hook<ForwardHook> hook) {
  return add_hook(hooks().forward, std::move(hook.function));
}
RemovableHandle Module::register_full_backward_hook(Hook<FullBackwardHook> hook) {
  return add_hook(hooks().backward, std::move(hook.function));
}

namespace {

// The nodes at the two ends of a hooked call.  Both are identities: dL/d(output) and dL/d(input)
// pass through them.  HookedOutput runs first in backward and stores dL/d(output) for HookedInput,
// which calls the hooks.  If the input requires no grad, HookedOutput calls the hooks.
struct HookedOutput final : Op<HookedOutput> {
  static constexpr std::string_view kName = "hooked_output";
  std::shared_ptr<BackwardHookState> state;
  TensorList backward(const Tensor& dy) override {
    Tensor& seen = run_note(state.get());
    seen = dy;
    if (!state->input_needs_grad && state->hooks->module) {
      auto list = state->hooks->backward;
      list->for_each([&](auto& hook) {
        seen = own_gradient(std::move(seen));
        hook(*state->hooks->module, Tensor(), seen);
      });
    }
    return {dy};
  }
};
struct HookedInput final : Op<HookedInput> {
  static constexpr std::string_view kName = "hooked_input";
  std::shared_ptr<BackwardHookState> state;
  TensorList backward(const Tensor& dx) override {
    Tensor gradient = dx, &grad_output = run_note(state.get());
    if (!state->hooks->module) return {gradient};
    auto list = state->hooks->backward;
    list->for_each([&](auto& hook) {
      gradient = own_gradient(std::move(gradient));
      if (grad_output.defined()) grad_output = own_gradient(std::move(grad_output));
      Tensor replaced = hook(*state->hooks->module, gradient, grad_output);
      if (replaced.defined()) gradient = replaced;
    });
    return {own_gradient(std::move(gradient))};
  }
};

// Sets a flag, and restores it at the end of the scope.
struct ScopedFlag {
  ScopedFlag(bool& f, bool value) : flag(f), before(std::exchange(f, value)) {}
  ~ScopedFlag() { flag = before; }
  bool& flag;
  const bool before;
};

bool has_hooks(const auto& list) { return list && !list->hooks.empty(); }

// An alias of x with a node of type End.
template <class End>
Tensor watched(const Tensor& x, const std::shared_ptr<BackwardHookState>& state) {
  Tensor y = x.detach();
  if (auto* node = record<End>(y, x)) node->state = state;
  return y;
}

}  // namespace

bool Module::is_hooked() const {
  return hooks_ &&
         (has_hooks(hooks_->pre) || has_hooks(hooks_->forward) || has_hooks(hooks_->backward));
}

Tensor Module::before(const Tensor& x, const std::shared_ptr<BackwardHookState>& state) {
  Tensor in = x;
  if (has_hooks(hooks_->pre)) {
    auto list = hooks_->pre;
    const ScopedFlag in_hook(t_in_hook, true);
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(*this, in);
      if (replaced.defined()) in = replaced;
    });
  }
  state->input_needs_grad = in.requires_grad();
  return has_hooks(hooks_->backward) ? watched<HookedInput>(in, state) : in;
}

Tensor Module::after(const Tensor& x, Tensor y, const std::shared_ptr<BackwardHookState>& state) {
  if (has_hooks(hooks_->forward)) {
    auto list = hooks_->forward;
    const ScopedFlag in_hook(t_in_hook, true);
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(*this, x, y);
      if (replaced.defined()) y = replaced;
    });
  }
  return has_hooks(hooks_->backward) ? watched<HookedOutput>(y, state) : y;
}

}  // namespace vitro::nn
