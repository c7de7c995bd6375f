// Replays a module with the outputs of its children given.
#include "models/proof/replay.h"

#include <deque>
#include <set>

#include "framework/autograd/engine.h"
#include "models/proof/trace.h"
#include "models/proof/work.h"
#include "ops/ops.h"

namespace vitro::proof {

namespace {

// A leaf of its own with x's values, in this dtype or in x's.
Tensor leaf_of(const Tensor& x, std::optional<DType> dtype) {
  const bool converts = dtype && *dtype != x.dtype();
  Tensor leaf = converts ? x.detach().to(*dtype) : x.detach().clone();
  return leaf.requires_grad_();
}

}  // namespace

Tensor Replay::forward(const Array& x, DType dtype, const Child& child) {
  const Substitutes substitutes(
      module_,
      [this](const Tensor& original) {
        const Tensor leaf = leaf_of(original, dtype_);
        if (moved_ && moved_->parameter == original.impl()) {
          NoGradGuard unrecorded;
          leaf.mutable_data<double>()[moved_->place] = moved_->value;
        }
        return leaf;
      },
      [this](const Tensor& buffer) { return dtype_ ? buffer.to(*dtype_) : buffer; });
  for (const Member& member : substitutes.parameters())
    parameters_.emplace_back(member.place, *member.place);

  int depth = 0;
  std::deque<nn::ScopedHook> hooks;
  std::set<nn::Module*> seen = {&module_};
  for (nn::Module* part : module_.modules()) {
    if (!seen.insert(part).second || (is_identity(*part) && !part->is_hooked())) continue;
    hooks.emplace_back(part->register_forward_pre_hook(
        [&depth](nn::Module&, const Tensor&) { return ++depth, Tensor(); }));
    hooks.emplace_back(part->register_forward_hook(
        [&](nn::Module& called, const Tensor& input, const Tensor& output) {
          if (depth > 1) return --depth, Tensor();  // inside another child
          // The child may be replayed too.  While the depth is 1, its calls do not count here.
          Tensor y = tensor_of(child(called, input), output.dtype());
          --depth;
          if (is_floating(y.dtype())) y.requires_grad_();
          called_.push_back({&called, input, y});
          return y;
        }));
  }
  x_ = tensor_of(x, x.is_integer || !dtype_ ? dtype : *dtype_);
  if (!x.is_integer) x_.requires_grad_();
  return y_ = module_.forward(x_);
}

// The sums of dL/dz over what depends on z: the output and the inputs of children from `child` on.
std::vector<Tensor> Replay::gradients(const std::vector<Tensor>& inputs, size_t child) const {
  std::vector<Tensor> outputs, cotangents;
  const auto add = [&](const Tensor& output, const Tensor& cotangent) {
    if (!output.requires_grad() || !cotangent.defined()) return;
    outputs.push_back(output), cotangents.push_back(cotangent.to(output.dtype()));
  };
  add(y_, dy_);
  for (size_t later = child; later < called_.size(); ++later) add(called_[later].x, given_[later]);
  std::vector<Tensor> wanted;
  for (const Tensor& input : inputs)
    if (input.requires_grad()) wanted.push_back(input);
  std::vector<Tensor> all(inputs.size());
  if (outputs.empty() || wanted.empty()) return all;
  const std::vector<Tensor> found = grad(
      outputs, wanted, {.grad_outputs = cotangents, .retain_graph = true, .allow_unused = true});
  for (size_t i = 0, next = 0; i < inputs.size(); ++i)
    if (inputs[i].requires_grad()) all[i] = found[next++];
  return all;
}

Replay::Results Replay::backward(const Array& dy, const ChildGradient& child) {
  dy_ = tensor_of(dy, y_.dtype());
  given_.assign(called_.size(), {});
  for (size_t i = called_.size(); i-- > 0;)
    given_[i] = child(i, gradients({called_[i].y}, i + 1)[0]);
  std::vector<Tensor> inputs = {x_};
  for (const auto& [place, leaf] : parameters_) inputs.push_back(leaf);
  const std::vector<Tensor> found = gradients(inputs, 0);
  Results results{.dx = found[0], .parameters = {}};
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (found[i + 1].defined()) results.parameters.emplace_back(parameters_[i].first, found[i + 1]);
  return results;
}

}  // namespace vitro::proof
