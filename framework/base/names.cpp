// The table of interned names.
#include "framework/base/names.h"

#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "framework/base/parallel_fork.h"

namespace vitro {

namespace {

struct Names {
  std::mutex mutex;
  std::deque<std::string> by_id{std::string()};
  std::unordered_map<std::string_view, NameId> ids;
};
Names& names() {
  static Names* const all = [] {
    at_fork(
        ForkLock::kNames, [] { names().mutex.lock(); }, [](bool) { names().mutex.unlock(); });
    return new Names;
  }();
  return *all;
}

[[maybe_unused]] Names& g_names = names();  // created at start-up, before any fork()

}  // namespace

NameId intern(const std::string& name) {
  if (name.empty()) return 0;
  Names& all = names();
  std::lock_guard lock(all.mutex);
  if (auto it = all.ids.find(name); it != all.ids.end()) return it->second;
  all.by_id.push_back(name);
  auto id = static_cast<NameId>(all.by_id.size() - 1);
  all.ids.emplace(all.by_id.back(), id);
  return id;
}

const std::string& interned(NameId id) {
  Names& all = names();
  std::lock_guard lock(all.mutex);
  return all.by_id[id];
}

}  // namespace vitro
