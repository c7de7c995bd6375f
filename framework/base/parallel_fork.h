// Makes fork() take every lock of the library first, so that no other thread holds one of them in
// the child.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>

namespace vitro {

// The library's locks, in the order in which a thread may take several of them.
enum class ForkLock : int {
  kPool,
  kModelTypes,
  kKinds,
  kModules,
  kNames,
  kPackedWeights,
  kLeaves,
  kPrimitives,
  kAllocator,
  kCount
};

// Registers how to take and free a lock around fork().  Call it once, before the first use.
// unlock(true) runs in the child, which has only the thread that forked.
void at_fork(ForkLock which, void (*lock)(), void (*unlock)(bool in_child));

// One of 16 mutexes, chosen by `address`.  All objects of one kind share the 16, and fork() takes
// them.  A thread may hold only one of the 16 at a time.
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
