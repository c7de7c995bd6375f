// Module: the walks over members(), loading, and the hooked call.
#include "framework/module.h"

#include <boost/core/demangle.hpp>
#include <set>
#include <typeinfo>

#include "framework/elementwise.h"
#include "framework/engine.h"

namespace vitro::nn {

constinit thread_local Module* Module::t_root = nullptr;

namespace {

// Visits a whole tree: tensors and modules with their paths from the root.
struct Walk : Visitor {
  std::string prefix;
  std::function<void(const std::string& path, Tensor& x, bool is_buffer)> on_tensor =
      [](auto&, auto&, bool) {};
  std::function<void(const std::string& path, Module& m)> on_module = [](auto&, auto&) {};
  bool deep = true;

  void operator()(const std::string& name, Tensor& x) override {
    on_tensor(prefix + name, x, false);
  }
  void buffer(const std::string& name, Tensor& x) override { on_tensor(prefix + name, x, true); }
  void operator()(const std::string& name, Module& child) override {
    on_module(prefix + name, child);
    if (!deep) return;
    std::string outer = std::exchange(prefix, prefix + name + ".");
    child.members(*this);
    prefix = outer;
  }
  using Visitor::operator();
};

// Every tensor with its path, tied ones as often as they are named.
std::vector<std::pair<std::string, Tensor*>> all_tensors(Module& root,
                                                         std::optional<bool> buffers = {}) {
  std::vector<std::pair<std::string, Tensor*>> found;
  Walk walk;
  walk.on_tensor = [&](const std::string& path, Tensor& x, bool is_buffer) {
    if (x.defined() && (!buffers || *buffers == is_buffer)) found.emplace_back(path, &x);
  };
  root.members(walk);
  return found;
}

NamedTensors distinct(Module& root, std::optional<bool> buffers) {
  NamedTensors out;
  std::set<TensorImpl*> seen;
  for (auto& [path, x] : all_tensors(root, buffers))
    if (seen.insert(x->impl()).second) out.emplace_back(path, *x);
  return out;
}

bool same_values(const Tensor& a, const Tensor& b) {
  if (a.impl() == b.impl()) return true;
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  Tensor x = empty(a.shape(), a.dtype()), y = empty(b.shape(), b.dtype());
  copy_into(x, a);
  copy_into(y, b);
  auto *p = static_cast<const char*>(raw_bytes(x)), *q = static_cast<const char*>(raw_bytes(y));
  return std::equal(p, p + x.numel() * static_cast<int64_t>(item_size(x.dtype())), q);
}

}  // namespace

// --- life ---
Module::Module(Module&& other) noexcept
    : training_(other.training_),
      path_known_(other.path_known_),
      path_(other.path_),
      hooks_(std::move(other.hooks_)) {
  if (hooks_) hooks_->module = this;
}
Module& Module::operator=(Module&& other) noexcept {
  if (this == &other) return *this;
  if (hooks_) hooks_->module = nullptr;
  training_ = other.training_;
  path_known_ = other.path_known_;
  path_ = other.path_;
  hooks_ = std::move(other.hooks_);
  if (hooks_) hooks_->module = this;
  return *this;
}
Module::~Module() {
  if (hooks_) hooks_->module = nullptr;
}

std::string Module::describe() const {
  std::string name = boost::core::demangle(typeid(*this).name());
  size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}
Tensor Module::forward(const Tensor&) {
  fail<ValueError>(describe(),
                   ": this module has no forward of one tensor; call its own operator()");
}

// --- walks ---
NamedTensors Module::named_parameters() { return distinct(*this, false); }
NamedTensors Module::named_buffers() { return distinct(*this, true); }
NamedTensors Module::state_dict() { return distinct(*this, {}); }

NamedModules Module::named_modules() {
  NamedModules out{{"", this}};
  Walk walk;
  walk.on_module = [&](const std::string& path, Module& m) { out.emplace_back(path, &m); };
  members(walk);
  return out;
}
NamedModules Module::named_children() {
  NamedModules out;
  Walk walk;
  walk.deep = false;
  walk.on_module = [&](const std::string& path, Module& m) { out.emplace_back(path, &m); };
  members(walk);
  return out;
}

template <class T>
static std::vector<T> values(const std::vector<std::pair<std::string, T>>& named) {
  std::vector<T> out;
  for (auto& [name, value] : named) out.push_back(value);
  return out;
}
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
  fail<ValueError>("find: no module at '", path, "'; there is: ", known);
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

// In place in the TensorImpl, so that ties, optimizers and hooks keep holding it.  Gradients go.
Module& Module::to(DType dtype) {
  check<DTypeError>(is_floating(dtype), "to: a module holds floating parameters: got ", dtype);
  for (auto& [name, x] : state_dict()) {
    if (!is_floating(x.dtype()) || x.dtype() == dtype) continue;
    Tensor converted = empty(x.shape(), dtype);
    copy_into(converted, x);
    TensorImpl &to = *x.impl(), &from = *converted.impl();
    to.storage = from.storage;
    to.dtype = dtype;
    to.strides = from.strides;
    to.offset = 0;
    to.contiguous = true;
    if (to.node) to.node->dtype = dtype, to.node->grad = Tensor();
  }
  return *this;
}

// --- loading ---
LoadResult Module::load_state_dict(const NamedTensors& dict, const LoadOptions& options) {
  std::map<std::string, Tensor> given(dict.begin(), dict.end());
  check<ValueError>(given.size() == dict.size(),
                    "load_state_dict: a name stands twice in the dictionary");
  LoadResult result;
  std::map<TensorImpl*, std::pair<std::string, Tensor>>
      chosen;  // per tensor: the name and value it takes
  std::map<TensorImpl*, std::string> unnamed;
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (auto& [name, x] : all_tensors(*this)) {
    auto it = given.find(name);
    if (it == given.end()) {
      unnamed.emplace(x->impl(), name);
      continue;
    }
    Tensor value = it->second;
    given.erase(it);
    auto [first, fresh] = chosen.emplace(x->impl(), std::pair(name, value));
    std::ostringstream reason;
    if (!value.defined()) reason << "the value is undefined";
    else if (value.shape() != x->shape() || value.dtype() != x->dtype())
      reason << "the model has " << x->dtype() << ' ' << x->shape() << ", the dictionary "
             << value.dtype() << ' ' << value.shape();
    else if (!fresh && !same_values(value, first->second.second))
      reason << "it is tied to " << first->second.first << ", which brings other values";
    if (!reason.str().empty()) result.mismatched.push_back({name, reason.str()});
    else if (fresh) copies.emplace_back(*x, value);
  }
  for (auto& [impl, name] : unnamed)
    if (!chosen.contains(impl))
      result.missing.push_back(name);  // a tied tensor needs one of its names
  std::sort(result.missing.begin(), result.missing.end());
  for (auto& [name, value] : given) result.unexpected.push_back(name);

  if (options.strict &&
      !(result.missing.empty() && result.unexpected.empty() && result.mismatched.empty())) {
    std::ostringstream text;
    text << "load_state_dict: the dictionary does not fit the model, which was left as it was";
    for (auto& name : result.missing) text << "\n  missing: " << name;
    for (auto& name : result.unexpected) text << "\n  unexpected: " << name;
    for (auto& m : result.mismatched) text << "\n  mismatched: " << m.name << ": " << m.reason;
    throw ValueError(text.str());
  }
  for (auto& [x, value] : copies) {
    ++x.impl()->storage->version;
    copy_into(x, value);
  }
  return result;
}

void copy_members(Module& source, Module& copy) {
  auto from = all_tensors(source), to = all_tensors(copy);
  check<ValueError>(from.size() == to.size(), "clone: the copy has ", to.size(),
                    " tensors, the source ", from.size(), "; construct it from the same arguments");
  std::map<TensorImpl*, Tensor> made;
  for (size_t i = 0; i < from.size(); ++i) {
    check<ValueError>(from[i].first == to[i].first, "clone: the copy has ", to[i].first,
                      " where the source has ", from[i].first);
    Tensor &x = *from[i].second, &y = *to[i].second;
    auto [it, fresh] = made.emplace(x.impl(), Tensor());
    if (fresh) {
      it->second = empty(x.shape(), x.dtype());
      copy_into(it->second, x);
      it->second.requires_grad_(x.requires_grad());
    }
    y = it->second;
  }
  auto modules = source.modules(), copies = copy.modules();
  for (size_t i = 0; i < std::min(modules.size(), copies.size()); ++i) {
    copies[i]->train(modules[i]->is_training());  // outer first; inner ones follow
  }
}

// --- the call ---
void Module::Scope::enter(Module& module) {
  if (!t_root) {
    t_root = &module;
    is_root_ = true;
  }
  if (module.path_known_) return;
  for (auto& [path, m] : t_root->named_modules()) {
    m->path_ = intern(path);
    m->path_known_ = true;
  }
  module.path_known_ = true;  // also if it is not among its root's members
  for (auto& [path, x] : t_root->named_parameters())
    if (x.requires_grad() && x.is_leaf()) x.impl()->node->path = intern(path);
}

std::string Module::location() const { return path_ ? path() + ": " + describe() : describe(); }

ModuleHooks& Module::hooks() {
  if (!hooks_) {
    hooks_ = std::make_shared<ModuleHooks>();
    hooks_->module = this;
  }
  return *hooks_;
}
RemovableHandle Module::register_forward_pre_hook(std::function<ForwardPreHook> hook) {
  return add_hook(hooks().pre, std::move(hook));
}
RemovableHandle Module::register_forward_hook(std::function<ForwardHook> hook) {
  return add_hook(hooks().forward, std::move(hook));
}
RemovableHandle Module::register_full_backward_hook(std::function<FullBackwardHook> hook) {
  return add_hook(hooks().backward, std::move(hook));
}

namespace {

// The two ends of a hooked call: identities that see dL/d(output) and dL/d(input) pass by.
struct HookedOutput final : Op<HookedOutput> {
  static constexpr std::string_view kName = "hooked_output";
  std::shared_ptr<BackwardHookState> state;
  TensorList backward(const Tensor& dy) override {
    Tensor& seen = run_note(state.get());
    seen = dy;
    if (!state->input_needs_grad && state->hooks->module) {
      auto list = state->hooks->backward;
      list->for_each([&](auto& hook) { hook(*state->hooks->module, Tensor(), seen); });
    }
    return {dy};
  }
};
struct HookedInput final : Op<HookedInput> {
  static constexpr std::string_view kName = "hooked_input";
  std::shared_ptr<BackwardHookState> state;
  TensorList backward(const Tensor& dx) override {
    Tensor gradient = dx, grad_output = run_note(state.get());
    if (!state->hooks->module) return {gradient};
    auto list = state->hooks->backward;
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(*state->hooks->module, gradient, grad_output);
      if (replaced.defined()) gradient = replaced;
    });
    return {gradient};
  }
};

bool has_hooks(const auto& list) { return list && !list->hooks.empty(); }

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
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(*this, in);
      if (replaced.defined()) in = replaced;
    });
  }
  state->input_needs_grad = in.requires_grad();
  return has_hooks(hooks_->backward) ? watched<HookedInput>(in, state) : in;
}

Tensor Module::after(const Tensor& x, Tensor y, const std::shared_ptr<BackwardHookState>& state) {
  if (has_hooks(hooks_->backward)) y = watched<HookedOutput>(y, state);
  if (has_hooks(hooks_->forward)) {
    auto list = hooks_->forward;
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(*this, x, y);
      if (replaced.defined()) y = replaced;
    });
  }
  return y;
}

}  // namespace vitro::nn
