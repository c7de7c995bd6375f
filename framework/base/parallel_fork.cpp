// Takes all locks of the library around fork(), in one fixed order.
#include "framework/base/parallel_fork.h"

#include <pthread.h>

#include <atomic>
#include <mutex>

namespace vitro {

namespace {

struct Hook {
  std::atomic<void (*)()> lock{nullptr};
  void (*unlock)(bool in_child) = nullptr;
};
constexpr int kHooks = static_cast<int>(ForkLock::kCount);
constinit Hook g_hooks[kHooks];
constinit thread_local bool t_locked[kHooks];  // whether this thread's fork() holds lock i

void before_fork() {
  for (int i = 0; i < kHooks; ++i) {
    const auto lock = g_hooks[i].lock.load(std::memory_order_acquire);
    if ((t_locked[i] = lock != nullptr)) lock();
  }
}
void after_fork(bool in_child) {
  for (int i = kHooks - 1; i >= 0; --i)
    if (t_locked[i]) g_hooks[i].unlock(in_child);
}

}  // namespace

void at_fork(ForkLock which, void (*lock)(), void (*unlock)(bool in_child)) {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(
        before_fork, [] { after_fork(/*in_child=*/false); }, [] { after_fork(/*in_child=*/true); });
  });
  Hook& hook = g_hooks[static_cast<int>(which)];
  hook.unlock = unlock;
  hook.lock.store(lock, std::memory_order_release);
}

}  // namespace vitro
