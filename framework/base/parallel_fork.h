// fork() takes every lock of the library first, so that all of them are free in the child.
#pragma once

namespace vitro {

// The library's locks, in the order in which one thread may hold several of them.
enum class ForkLock : int {
  kPool,
  kModelTypes,
  kModules,
  kNames,
  kPackedWeights,
  kPrimitives,
  kAllocator,
  kCount
};

// Registers how fork() takes and frees a lock.  Call it once, before the lock is first used.
// unlock(true) runs in the child, which has only the thread that forked.
void at_fork(ForkLock which, void (*lock)(), void (*unlock)(bool in_child));

}  // namespace vitro
