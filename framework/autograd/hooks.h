// Lists of hooks, and handles to remove them.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// A list of functions by id; removal by handle.  Running a hook may remove any hook.
struct HookListBase {
  virtual ~HookListBase() = default;
  virtual void remove(uint64_t id) = 0;
};
class RemovableHandle {
 public:
  RemovableHandle() = default;
  RemovableHandle(std::weak_ptr<HookListBase> list, uint64_t id)
      : list_(std::move(list)), id_(id) {}
  void remove() {  // a second call does nothing; dropping the handle keeps the hook
    if (auto list = list_.lock()) list->remove(id_);
    list_.reset();
  }

 private:
  std::weak_ptr<HookListBase> list_;
  uint64_t id_ = 0;
};

template <class F>
struct HookList final : HookListBase {
  // Shared, so that a hook that keeps numbers of its own keeps them from run to run.
  std::vector<std::pair<uint64_t, std::shared_ptr<std::function<F>>>> hooks;
  uint64_t last_id = 0;
  void remove(uint64_t id) override {
    std::erase_if(hooks, [id](const auto& hook) { return hook.first == id; });
  }
  // Calls f(hook) for the hooks that stand in the list as it starts and have not been removed.
  template <class Visit>
  void for_each(Visit visit) {
    auto copy = hooks;
    for (auto& [id, hook] : copy)
      if (std::any_of(hooks.begin(), hooks.end(), [id = id](auto& h) { return h.first == id; }))
        visit(*hook);
  }
};
template <class F>
RemovableHandle add_hook(std::shared_ptr<HookList<F>>& list, std::function<F> hook) {
  if (!list) list = std::make_shared<HookList<F>>();
  list->hooks.emplace_back(++list->last_id, std::make_shared<std::function<F>>(std::move(hook)));
  return {list, list->last_id};
}

}  // namespace vitro
