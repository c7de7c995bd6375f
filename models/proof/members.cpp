// Changes a model for a scope, and changes it back.
#include "models/proof/members.h"

#include <set>

namespace vitro::proof {

namespace {

// Lists the tensors of one module, without its children.
struct OwnTensors : nn::Visitor {
  std::vector<Member>& found;
  std::string path;
  nn::Module* module;

  OwnTensors(std::vector<Member>& all, const std::string& at, nn::Module& of)
      : found(all), path(at.empty() ? "" : at + "."), module(&of) {}
  void add(const std::string& name, Tensor& x, bool is_buffer) {
    if (x.defined()) found.push_back({path + name, module, &x, x, is_buffer});
  }
  void operator()(const std::string& name, Tensor& x) override { add(name, x, false); }
  void buffer(const std::string& name, Tensor& x) override { add(name, x, true); }
  void child(const std::string&, nn::Module&, std::span<const std::byte>) override {}
};

}  // namespace

std::vector<Member> members_of(nn::Module& root) {
  std::vector<Member> all;
  std::set<nn::Module*> seen;
  for (const auto& [path, module] : root.named_modules()) {
    if (!seen.insert(module).second) continue;
    OwnTensors own(all, path, *module);
    module->members(own);
  }
  return all;
}

Substitutes::Substitutes(nn::Module& root, const Replacement& parameters,
                         const Replacement& buffers) {
  for (Member& member : members_of(root)) {
    if (!is_floating(member.original.dtype())) continue;
    if (!member.is_buffer) parameters_.push_back(std::move(member));
    else if (buffers) buffers_.push_back(std::move(member));
  }
  // All replacements are made before the first is put into place: making one may throw.
  std::vector<Tensor> others;
  for (const Member& member : parameters_) others.push_back(parameters(member.original));
  for (const Member& member : buffers_) others.push_back(buffers(member.original));
  size_t next = 0;
  for (const auto* list : {&parameters_, &buffers_})
    for (const Member& member : *list) *member.place = std::move(others[next++]);
}

Substitutes::~Substitutes() {
  for (const auto* list : {&parameters_, &buffers_})
    for (const Member& member : *list) *member.place = member.original;
}

KeptBuffers::KeptBuffers(nn::Module& model) {
  for (Member& member : members_of(model)) {
    if (!member.is_buffer) continue;
    Tensor values = member.original.detach().clone();
    before_.emplace_back(std::move(member), std::move(values));
  }
}

KeptBuffers::~KeptBuffers() {
  NoGradGuard unrecorded;
  for (const auto& [member, values] : before_) {
    *member.place = member.original;
    member.place->detach().copy_(values);
  }
}

EvalMode::EvalMode(nn::Module& model) {
  for (nn::Module* module : model.modules()) before_.emplace_back(module, module->is_training());
  model.eval();
}

EvalMode::~EvalMode() {
  // train() also sets the modules inside, which come later in the list.
  for (const auto& [module, training] : before_)
    if (module->is_training() != training) module->train(training);
}

}  // namespace vitro::proof
