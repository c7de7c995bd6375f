// Lists of hooks, and handles that remove hooks.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// A list of hooks of any type, as a RemovableHandle sees it.
struct HookListBase {
  virtual ~HookListBase() = default;
  virtual void remove(uint64_t id) = 0;  // does nothing if the list has no such hook
};
// Removes one hook from its list.  The handle does not own the hook, which stays if the handle is
// destroyed.
class RemovableHandle {
 public:
  // A handle without a hook, or of the hook `id` in `list`.
  RemovableHandle() = default;
  RemovableHandle(std::weak_ptr<HookListBase> list, uint64_t id)
      : list_(std::move(list)), id_(id) {}
  void remove() {  // removes the hook; a second call does nothing
    if (auto list = list_.lock()) list->remove(id_);
    list_.reset();
  }

 private:
  std::weak_ptr<HookListBase> list_;
  uint64_t id_ = 0;
};

// Hooks of type F with their ids, in the order in which they were added.
template <class F>
struct HookList final : HookListBase {
  // Pairs of id and hook.  for_each() runs a copy of the list, which shares the hooks, so that the
  // state of a hook lasts from run to run.
  std::vector<std::pair<uint64_t, std::shared_ptr<std::function<F>>>> hooks;
  uint64_t last_id = 0;                // of the hook added last
  void remove(uint64_t id) override {  // removes the hook `id`, if it is there
    std::erase_if(hooks, [id](const auto& hook) { return hook.first == id; });
  }
  // Calls visit(hook) for each hook that is in the list at the start, unless an earlier hook has
  // removed it.  A hook may add and remove hooks.
  template <class Visit>
  void for_each(Visit visit) {
    auto copy = hooks;
    for (auto& [id, hook] : copy)
      if (std::any_of(hooks.begin(), hooks.end(), [id = id](auto& h) { return h.first == id; }))
        visit(*hook);
  }
};
// Adds a hook to `list`.  Makes the list if it is null.
template <class F>
RemovableHandle add_hook(std::shared_ptr<HookList<F>>& list, std::function<F> hook) {
  if (!list) list = std::make_shared<HookList<F>>();
  list->hooks.emplace_back(++list->last_id, std::make_shared<std::function<F>>(std::move(hook)));
  return {list, list->last_id};
}

}  // namespace vitro
