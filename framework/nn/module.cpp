// Module: the walks over members(), and the call, which gives each recorded op the module's path.
#include "framework/nn/module.h"

#include <algorithm>
#include <atomic>
#include <boost/core/demangle.hpp>
#include <mutex>
#include <set>
#include <typeinfo>

#include "framework/nn/walk.h"
#include "framework/tensor/loops.h"

namespace vitro::nn {

constinit thread_local Module* Module::t_root = nullptr;
constinit thread_local bool Module::t_in_hook = false;

namespace {

NamedTensors distinct(Module& root, std::optional<bool> buffers) try {
  NamedTensors out;
  std::set<TensorImpl*> seen;
  for (auto& [path, x] : all_tensors(root, buffers))
    if (seen.insert(x->impl()).second) out.emplace_back(path, *x);
  return out;
} catch (const std::bad_alloc&) { fail_memory(); }

}  // namespace

// --- life ---
// A moved module may be in another tree, so it has no path until its next call.
Module::Module(Module&& other) noexcept
    : Marked(Kind::kModule),
      training_(other.training_),
      checked_(other.checked_),
      hooks_(std::move(other.hooks_)) {
  if (hooks_) hooks_->module = this;
}
Module& Module::operator=(Module&& other) noexcept {
  if (this == &other) return *this;
  if (hooks_) hooks_->module = nullptr;
  training_ = other.training_;
  path_state_ = Path::kUnknown;
  checked_ = other.checked_;
  hooks_ = std::move(other.hooks_);
  if (hooks_) hooks_->module = this;
  return *this;
}
Module::~Module() {
  if (hooks_) hooks_->module = nullptr;
}

std::string Module::describe() const {
  std::string name = boost::core::demangle(typeid(*this).name());
  size_t colon = name.rfind("::", name.find('<'));  // skips the :: of template arguments
  return colon == std::string::npos ? name : name.substr(colon + 2);
}
Tensor Module::forward(const Tensor&) {
  fail<ValueError>(describe(),
                   ": expected a module with a forward of one tensor, got one without; call its "
                   "own operator()");
}

// --- walks ---
NamedTensors Module::named_parameters() { return distinct(*this, false); }
NamedTensors Module::named_buffers() { return distinct(*this, true); }
NamedTensors Module::state_dict() { return distinct(*this, {}); }

NamedModules Module::named_modules() try {
  NamedModules out{{"", this}};
  TreeWalk walk;
  walk.on_module = [&](const std::string& path, Module& m) { out.emplace_back(path, &m); };
  visit(walk);
  return out;
} catch (const std::bad_alloc&) { fail_memory(); }
NamedModules Module::named_children() {
  NamedModules out;
  TreeWalk walk;
  walk.deep = false;
  walk.on_module = [&](const std::string& path, Module& m) { out.emplace_back(path, &m); };
  visit(walk);
  return out;
}

template <class T>
static std::vector<T> values(const std::vector<std::pair<std::string, T>>& named) try {
  std::vector<T> out;
  for (auto& [name, value] : named) out.push_back(value);
  return out;
} catch (const std::bad_alloc&) { fail_memory(); }
std::vector<Tensor> Module::parameters() { return values(named_parameters()); }
std::vector<Tensor> Module::buffers() { return values(named_buffers()); }
std::vector<Module*> Module::modules() { return values(named_modules()); }
std::vector<Module*> Module::children() { return values(named_children()); }

Module& Module::find(const std::string& path) {
  std::string known;
  for (auto& [name, module] : named_modules()) {
    if (name == path) return *module;
    if (!name.empty()) known += (known.empty() ? "" : ", ") + name;
  }
  fail<ValueError>("find: expected the path of a module, got '", path, "'; there is: ", known);
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (auto& [name, p] : named_parameters()) count += p.numel();
  return count;
}

Module& Module::train(bool on) {
  for (Module* m : modules()) m->training_ = on;
  return *this;
}
void Module::zero_grad() {
  for (Tensor& p : parameters()) p.zero_grad();
}
Module& Module::apply(const std::function<void(Module&)>& f) {
  for (Module* child : children()) child->apply(f);
  f(*this);
  return *this;
}

// --- the call ---
void Module::Scope::enter(Module& module) try {
  Module& root = t_root ? *t_root : module;
  const bool may_stay_unnamed = module.path_state() == Path::kUnnamed && !grad_enabled();
  if (!module.knows_path() && !may_stay_unnamed) {
    std::lock_guard lock(naming_mutex());  // threads may share a model
    for (auto& [path, m] : root.named_modules()) {
      if (!m->knows_path()) m->path_ = intern(path);
      m->set_path_state(Path::kKnown);
    }
    if (!module.knows_path()) {  // the root does not name it
      const std::vector<Tensor> parameters = module.parameters();
      const bool is_own = !t_in_hook && std::ranges::any_of(parameters, &Tensor::requires_grad);
      check<ValueError>(!is_own || !grad_enabled(), "members: expected ", root.describe(),
                        " to name ", module.describe(), ", which it runs, got no such member; add ",
                        "v(\"...\", member) to train its parameters, or run it under NoGradGuard");
      module.set_path_state(is_own ? Path::kUnnamed : Path::kKnown);
    }
    for (auto& [path, x] : root.named_parameters())
      if (x.requires_grad() && x.is_leaf()) x.impl()->node->path = intern(path);
  }
  is_root_ = !t_root;  // set last, because the walks above run a user's code, which may throw
  t_root = &root;
} catch (const std::bad_alloc&) { fail_memory(); }

}  // namespace vitro::nn
