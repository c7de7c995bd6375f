// Loads the values of a module, copies them to another module, and converts their dtype.
#include <map>
#include <set>

#include "framework/nn/clone.h"
#include "framework/nn/walk.h"
#include "framework/tensor/loops.h"

namespace vitro::nn {

static Tensor copied(const Tensor& x) {
  Tensor y = empty(x.shape(), x.dtype());
  copy_into(y, x);
  return y;
}

static bool same_values(const Tensor& a, const Tensor& b) {
  if (a.impl() == b.impl()) return true;
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  Tensor x = copied(a), y = copied(b);
  auto *p = static_cast<const char*>(raw_bytes(x)), *q = static_cast<const char*>(raw_bytes(y));
  return std::equal(p, p + x.numel() * static_cast<int64_t>(item_size(x.dtype())), q);
}

LoadResult Module::load_state_dict(const NamedTensors& dict, const LoadOptions& options) {
  std::map<std::string, Tensor> given(dict.begin(), dict.end());
  check<ValueError>(given.size() == dict.size(),
                    "load_state_dict: expected a different name for each tensor, got one twice");
  LoadResult result;
  std::map<TensorImpl*, std::pair<std::string, Tensor>>
      chosen;  // for each tensor of the model, the name and value that it takes
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
    if (!value.defined()) reason << "expected a value, got an undefined tensor";
    else if (value.shape() != x->shape() || value.dtype() != x->dtype())
      reason << "expected " << x->dtype() << ' ' << x->shape() << " as in the model, got "
             << value.dtype() << ' ' << value.shape();
    else if (!fresh && !same_values(value, first->second.second))
      reason << "tied to " << first->second.first << ": expected equal values, got others";
    if (!reason.str().empty()) result.mismatched.push_back({name, reason.str()});
    else if (fresh) copies.emplace_back(*x, value);
  }
  for (auto& [impl, name] : unnamed)
    if (!chosen.contains(impl))
      result.missing.push_back(name);  // one name of a tied tensor is enough
  std::sort(result.missing.begin(), result.missing.end());
  for (auto& [name, value] : given) result.unexpected.push_back(name);

  if (options.strict &&
      !(result.missing.empty() && result.unexpected.empty() && result.mismatched.empty())) {
    std::ostringstream text;
    text << "load_state_dict: expected a dictionary that fits the model, got one that does not; "
         << "the model is unchanged";
    for (auto& name : result.missing) text << "\n  missing: " << name;
    for (auto& name : result.unexpected) text << "\n  unexpected: " << name;
    for (auto& m : result.mismatched) text << "\n  mismatched: " << m.name << ": " << m.reason;
    throw ValueError(text.str());
  }
  std::set<Storage*> own;
  for (auto& [x, value] : copies) own.insert(x.impl()->storage.get());
  for (auto& [x, value] : copies)
    if (own.contains(value.impl()->storage.get())) value = copied(value);  // before writing
  for (auto& [x, value] : copies) {
    ++x.impl()->storage->version;
    copy_into(x, value);
  }
  return result;
}

void copy_members(Module& source, Module& copy) {
  auto from = all_tensors(source), to = all_tensors(copy);
  check<ValueError>(from.size() == to.size(), "clone: expected a copy with ", from.size(),
                    " tensors, as the source, got ", to.size(),
                    "; construct it from the same arguments");
  std::map<TensorImpl*, Tensor> made;
  for (size_t i = 0; i < from.size(); ++i) {
    check<ValueError>(from[i].first == to[i].first, "clone: expected a copy with ", from[i].first,
                      ", as the source, got ", to[i].first);
    Tensor &x = *from[i].second, &y = *to[i].second;
    auto [it, fresh] = made.emplace(x.impl(), Tensor());
    if (fresh) {
      it->second = copied(x);
      it->second.requires_grad_(x.requires_grad());
    }
    y = it->second;
  }
  auto modules = source.modules(), copies = copy.modules();
  for (size_t i = 0; i < std::min(modules.size(), copies.size()); ++i) {
    copies[i]->train(modules[i]->is_training());  // sets the subtree; inner modules come later
  }
}

// Changes the TensorImpl, so that tied tensors, optimizers and hooks see the converted tensor too.
// The gradients are dropped, because they have the old dtype.
Module& Module::to(DType dtype) {
  check<DTypeError>(is_floating(dtype), "to: expected a floating dtype for a module, got ", dtype);
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

}  // namespace vitro::nn
