// TreeWalk and all_tensors() visit a whole tree of modules.
#pragma once
#include <mutex>
#include <new>
#include <optional>

#include "framework/base/parallel_fork.h"
#include "framework/nn/module.h"

namespace vitro::nn {

// ValueError for a parameter that requires no grad and was not frozen: training would skip it
// silently.
inline void check_requires_grad(const std::string& path, const Tensor& x) {
  check<ValueError>(!x.defined() || x.requires_grad() || x.impl()->frozen, "members: expected ",
                    path, " to require grad, got a plain tensor ",
                    x.defined() ? x.shape() : Shape(),
                    "; make it an nn::Parameter, which may be frozen, or list it by v.buffer()");
}

// Visits the tensors and modules of a whole tree, with their paths from the root.
struct TreeWalk : Visitor {
  std::string prefix;
  std::function<void(const std::string& path, Tensor& x, bool is_buffer)> on_tensor =
      [](auto&, auto&, bool) {};
  std::function<void(const std::string& path, Module& m)> on_module = [](auto&, auto&) {};
  bool deep = true;

  void operator()(const std::string& name, Tensor& x) override {
    check_requires_grad(prefix + name, x);
    on_tensor(prefix + name, x, false);
  }
  void buffer(const std::string& name, Tensor& x) override { on_tensor(prefix + name, x, true); }
  void child(const std::string& name, Module& module, std::span<const std::byte>) override {
    on_module(prefix + name, module);
    if (!deep) return;
    std::string outer = std::exchange(prefix, prefix + name + ".");
    module.members(*this);
    prefix = outer;
  }
};

// Every tensor with its path.  A tied tensor occurs once for each of its names.
inline std::vector<std::pair<std::string, Tensor*>> all_tensors(Module& root,
                                                                std::optional<bool> buffers = {}) {
  std::vector<std::pair<std::string, Tensor*>> found;
  TreeWalk walk;
  walk.on_tensor = [&](const std::string& path, Tensor& x, bool is_buffer) {
    if (x.defined() && (!buffers || *buffers == is_buffer)) found.emplace_back(path, &x);
  };
  root.visit(walk);
  return found;
}

// The mutex that is held while a tree of modules gets its paths.  It is recursive, because a user's
// members() may call a module.
inline std::recursive_mutex& naming_mutex() {
  static std::recursive_mutex* const mutex = [] {
    const auto lock = [] { naming_mutex().lock(); };
    // Only the thread that locked a recursive mutex can unlock it, and the thread of a forked child
    // counts as another thread.  So the child makes a new mutex in the same place.
    const auto unlock = [](bool in_child) {
      if (in_child) new (&naming_mutex()) std::recursive_mutex;
      else naming_mutex().unlock();
    };
    at_fork(ForkLock::kModules, lock, unlock);
    return new std::recursive_mutex;
  }();
  return *mutex;
}

}  // namespace vitro::nn
