// fork() takes every lock of the library first, so that all of them are free in the child.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>

namespace vitro {

// The library's locks, in the order in which a thread may take several of them.
enum class ForkLock : int {
  kPool,
  kModelTypes,
  kModules,
  kNames,
  kPackedWeights,
  kLeaves,
  kPrimitives,
  kAllocator,
  kCount
};

// Registers how fork() takes and frees a lock.  Call it once, before the lock is first used.
// unlock(true) runs in the child, which has only the thread that forked.
void at_fork(ForkLock which, void (*lock)(), void (*unlock)(bool in_child));

// One of 16 mutexes that fork() takes, chosen by `address`.  Objects of one kind share them instead
// of having one each.  A thread may hold only one of the 16 at a time.
template <ForkLock which>
std::mutex& fork_mutex(const void* address) {
  static std::array<std::mutex, 16> all;
  [[maybe_unused]] static const bool is_registered = [] {
    at_fork(
        which,
        [] {
          for (std::mutex& m : all) m.lock();
        },
        [](bool) {
          for (std::mutex& m : all) m.unlock();
        });
    return true;
  }();
  return all[reinterpret_cast<uintptr_t>(address) / 64 % all.size()];
}

}  // namespace vitro
