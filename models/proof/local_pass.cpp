// Compares each call of a run on its own.
#include <algorithm>
#include <set>

#include "models/proof/finite_difference.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/passes.h"

namespace vitro::proof {

namespace {

// The most products of the finite differences of one call, and of all calls together.
constexpr double kMostProducts = 2e6, kMostProductsOfAll = 2e8;

class LocalPass {
 public:
  LocalPass(Run& run, Collector& found) : run_(run), found_(found) {
    const Call& root = *run.trace.root;
    is_spoilt_ = first_not_finite(root.y) || first_not_finite(root.dx) || first_not_finite(root.dy);
    for (const Call* call : run.trace.calls()) {
      ++calls_left_[call->module];
      if (!is_built_in(*call->module)) compares_at_end_ = true;
    }
    for (ParameterGradient& parameter : run.trace.parameters) {
      parameters_[parameter.module].push_back(&parameter);
      handles_.insert(parameter.place);
    }
  }

  void compare(const Call& call) {
    found_.check_finite(call, is_spoilt_);
    Work work;
    Gradients own;
    LocalHand hand(
        call, work, [this](const Finding& finding) { found_.add(finding); }, &own);
    Array dx;
    try {
      hand.forward();
      dx = hand.backward();
    } catch (const MemoryError&) { throw; } catch (const Error& error) {
      found_.fail(call, error.what());
    }
    check_differences(call, own, dx);
    for (auto& [handle, gradient] : own) {
      if (handles_.contains(handle)) add_to(sums_[handle], std::move(gradient));
      else
        found_.fail(call,
                    "its function by hand gives the gradient of an unknown parameter; pass "
                    "the module's own handle, such as m.weight, not a copy");
    }
    if (--calls_left_[call.module] == 0 && !compares_at_end_)
      compare_parameters(*call.module, &call);
  }
  void compare_other_parameters() {
    for (const auto& [module, list] : parameters_)
      if (compares_at_end_ || !calls_left_.contains(module)) compare_parameters(*module, nullptr);
  }

 private:
  void check_differences(const Call& call, const Gradients& own, const Array& dx) {
    const double most =
        std::max(kMostProducts, kMostProductsOfAll / static_cast<double>(calls_left_.size()));
    std::vector<ParameterGradient> parameters;
    for (const ParameterGradient* parameter : parameters_[call.module])
      parameters.push_back({parameter->path, parameter->module, parameter->place});
    if (kind_of(*call.module) && !is_replayed(*call.module))
      for (FiniteDifference& one :
           differences_within(call, parameters, own, dx, run_.generator, most))
        found_.add(std::move(one), call.path);
  }
  void compare_parameters(const nn::Module& module, const Call* last) {
    for (ParameterGradient* parameter : parameters_[&module]) {
      Array& by_hand = sums_[parameter->place];
      if (by_hand.value.empty()) by_hand = zeros_array(parameter->place->shape());
      found_.add(*parameter, by_hand, last ? -last->began : 0);
      parameter->gradient = {};
      sums_.erase(parameter->place);
    }
  }

  Run& run_;
  Collector& found_;
  std::map<const nn::Module*, int64_t> calls_left_;
  std::map<const nn::Module*, std::vector<ParameterGradient*>> parameters_;
  Gradients sums_;
  bool is_spoilt_ = false;           // whether the model's output or its gradients are not finite
  std::set<const Tensor*> handles_;  // of all parameters
  // A user's module may also use the parameters of modules inside it, so its calls may add to a
  // gradient after the calls of the owner.
  bool compares_at_end_ = false;
};

}  // namespace

void compare_locally(Run& run, Collector& found) {
  const std::vector<const Call*> calls = run.trace.calls();
  LocalPass pass(run, found);
  for (size_t i = calls.size(); i-- > 0;) {
    run.progress("each module from its own input", std::ssize(calls) - 1 - static_cast<int64_t>(i),
                 std::ssize(calls));
    pass.compare(*calls[i]);
  }
  pass.compare_other_parameters();
}

}  // namespace vitro::proof
