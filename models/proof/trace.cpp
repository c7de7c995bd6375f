// Runs a model with hooks that record every call.
#include "models/proof/trace.h"

#include <deque>
#include <set>

#include "framework/autograd/engine.h"
#include "models/layers/layers.h"
#include "models/proof/members.h"
#include "ops/ops.h"

namespace vitro::proof {

namespace {

Tensor unchanged() { return {}; }

// Records the calls of modules through hooks.
class Recorder {
 public:
  void watch(const std::string& path, nn::Module& module) {
    hooks_.emplace_back(module.register_forward_pre_hook(
        [this, path](nn::Module& m, const Tensor& x) { return begin(path, m, x); }));
    hooks_.emplace_back(module.register_forward_hook(
        [this](nn::Module&, const Tensor&, const Tensor& y) { return end(y), unchanged(); }));
  }
  std::unique_ptr<Call> take() { return std::move(root_); }
  // The inputs that no earlier module computes from a parameter.
  const std::vector<std::pair<Call*, Tensor>>& leaves() const { return leaves_; }

 private:
  // The input of each call gets a node of its own, whose gradient is this call's dL/dx alone.
  Tensor begin(const std::string& path, nn::Module& module, const Tensor& x) {
    auto call = std::make_unique<Call>(
        Call{.path = path, .module = &module, .x = x.detach(), .began = clock_++});
    Call* const recorded = call.get();
    (running_.empty() ? root_ : running_.back()->children.emplace_back()) = std::move(call);
    running_.push_back(recorded);
    if (!is_floating(x.dtype()) || !grad_enabled()) return unchanged();
    if (!x.requires_grad()) {
      leaves_.emplace_back(recorded, x.detach().requires_grad_());
      return leaves_.back().second;
    }
    const Tensor own = x * 1;
    own.register_hook([recorded](const Tensor& g) { return recorded->dx = g, unchanged(); });
    return own;
  }
  void end(const Tensor& y) {
    Call* const call = running_.back();
    running_.pop_back();
    call->y = y.detach(), call->ended = clock_++;
    if (y.requires_grad())
      y.register_hook([call](const Tensor& g) { return call->dy = g, unchanged(); });
  }

  std::unique_ptr<Call> root_;
  std::vector<Call*> running_;
  std::vector<std::pair<Call*, Tensor>> leaves_;
  int64_t clock_ = 0;
  std::deque<nn::ScopedHook> hooks_;
};

// Multiplies what the module gives by the factor.
RemovableHandle plant(nn::Module& module, const Planted& fault) {
  return module.register_forward_hook([fault](nn::Module&, const Tensor&, const Tensor& y) {
    if (!fault.backward) return y * fault.factor;
    if (!y.requires_grad()) return unchanged();
    const Tensor inside = y * 1;  // its gradient is wrong; the gradient of the result is right
    inside.register_hook([fault](const Tensor& g) { return g * fault.factor; });
    return inside * 1;
  });
}

void collect(const Call& call, std::vector<const Call*>& all) {
  all.push_back(&call);
  for (const auto& child : call.children) collect(*child, all);
}

}  // namespace

bool is_identity(const nn::Module& m) {
  return typeid(m) == typeid(nn::HookPoint) || typeid(m) == typeid(nn::Dropout) ||
         typeid(m) == typeid(nn::Identity);
}

std::vector<const Call*> Trace::calls() const {
  std::vector<const Call*> all;
  collect(*root, all);
  return all;
}

const Call* Trace::find(const std::string& path) const {
  for (const Call* call : calls())
    if (call->path == path) return call;
  return nullptr;
}

Trace run_traced(nn::Module& model, const Tensor& input, const TraceOptions& options) {
  const EvalMode eval(model);
  // Every module gets leaves of its own, so that the gradients of a tied parameter stay apart.
  const Substitutes leaves(model, [](const Tensor& x) { return x.detach().requires_grad_(); });
  std::deque<nn::ScopedHook> planted;
  if (options.planted)
    planted.emplace_back(plant(model.find(options.planted->path), *options.planted));
  Recorder recorder;
  std::set<nn::Module*> seen;
  for (const auto& [path, module] : model.named_modules())
    if (seen.insert(module).second &&
        (path.empty() || !is_identity(*module) || module->is_hooked()))
      recorder.watch(path, *module);

  const Tensor y = model(input.detach());
  const bool has_targets = options.targets.defined();
  const Tensor loss = has_targets ? cross_entropy(y, options.targets) : y;
  std::vector<Tensor> inputs;
  for (const Member& member : leaves.parameters()) inputs.push_back(*member.place);
  for (const auto& [call, leaf] : recorder.leaves()) inputs.push_back(leaf);
  std::vector<Tensor> gradients(inputs.size());
  if (loss.requires_grad() && !inputs.empty()) {
    GradOptions how{.allow_unused = true};
    if (!has_targets) how.grad_outputs = {options.dy};
    gradients = grad(loss, inputs, how);
  }
  Trace trace;
  trace.targets = options.targets;
  size_t next = 0;
  for (const Member& member : leaves.parameters())
    trace.parameters.push_back({member.path, member.module, member.place, gradients[next++]});
  for (const auto& [call, leaf] : recorder.leaves()) call->dx = gradients[next++];
  if (has_targets) trace.loss = loss.detach();
  trace.root = recorder.take();
  check<ValueError>(!options.planted || trace.find(options.planted->path),
                    "proof: expected a module that the model calls, to plant a fault, got ",
                    options.planted ? options.planted->path : "");
  return trace;
}

}  // namespace vitro::proof
