// The caching allocator.  Each thread keeps free lists of small blocks; all threads share a cache
// of large ones.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// How much memory the tensors of the process use.
struct MemoryStats {
  int64_t live = 0;    // bytes in use, rounded up to size classes
  int64_t cached = 0;  // bytes kept for reuse
  int64_t peak = 0;    // largest value of `live` so far, to within 64 KiB per thread
};
// Memory use at this moment, of all threads together.
MemoryStats memory_stats();
// Gives cached memory back to the system.  Another thread gives its small blocks back when it next
// frees one; until then it keeps at most 2 MiB.
void empty_cache();
// Sets how many bytes of free memory are kept; more is given back to the system at once.  Each
// thread may still keep 64 KiB of small blocks.  The default is half of the machine's memory.
void set_cache_limit(int64_t bytes);

// Blocks of up to this many bytes are small.  Each thread has one free list per 64-byte size class.
inline constexpr size_t kSmallBlock = 4096;

// The small free blocks of one thread.  Other threads only read `unreported` and clear `keeps`.
struct SmallPool {
  void* free[kSmallBlock / 64 + 1];  // free[c]: a list of blocks of 64 c bytes
  std::atomic<int64_t> unreported;   // change of MemoryStats::live since the last report, in bytes
  std::atomic<bool> keeps;           // whether freed blocks go to `free`; empty_cache() clears it
  // Whether the allocator lists this pool, and whether its thread has ended.
  bool registered, ended;
  int64_t listed;  // listed - unreported is the number of bytes in the lists
};
// The pool of the calling thread.
extern constinit thread_local SmallPool t_small_pool;

// allocate() and deallocate() call these if the block is large, its list is empty, or the thread
// keeps no lists.
void* allocate_slow(size_t bytes);
void deallocate_slow(void* block, size_t bytes);
// Adds `unreported` to the statistics of the process, and shortens lists that are too long.
void report_small_pool(SmallPool& pool);

// Whether freed blocks are kept for reuse.  It is false under a sanitizer, which must see every
// allocation.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kPooled = false;
#elif defined(__has_feature)
inline constexpr bool kPooled =
    !__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer);
#else
inline constexpr bool kPooled = true;
#endif

// Adds `bytes`, which may be negative, to the bytes in use.  Reports every 64 KiB.
inline void count_small(SmallPool& pool, int64_t bytes) {
  int64_t unreported = pool.unreported.load(std::memory_order_relaxed) + bytes;
  pool.unreported.store(unreported, std::memory_order_relaxed);
  if (unreported > (64 << 10) || unreported < -(64 << 10)) [[unlikely]]
    report_small_pool(pool);
}

// Returns a block of at least `bytes` bytes, aligned to 64 bytes.  Throws MemoryError.
inline void* allocate(size_t bytes) {
  size_t size_class = (bytes + 63) / 64;
  if (!kPooled || bytes > kSmallBlock) return allocate_slow(bytes);
  SmallPool& pool = t_small_pool;
  void* block = pool.free[size_class];
  if (!block) [[unlikely]]
    return allocate_slow(bytes);
  pool.free[size_class] = *static_cast<void**>(block);
  count_small(pool, static_cast<int64_t>(size_class * 64));
  return block;
}

// Frees a block, on any thread; `bytes` is the size that was passed to allocate().
inline void deallocate(void* block, size_t bytes) {
  SmallPool& pool = t_small_pool;
  if (!kPooled || bytes > kSmallBlock || !pool.keeps.load(std::memory_order_relaxed)) [[unlikely]]
    return deallocate_slow(block, bytes);
  size_t size_class = (bytes + 63) / 64;
  *static_cast<void**>(block) = pool.free[size_class];
  pool.free[size_class] = block;
  count_small(pool, -static_cast<int64_t>(size_class * 64));
}

// A standard allocator on top of allocate(), for small containers on hot paths.
template <class T>
struct PoolAllocator {
  // The members that C++ requires of an allocator.
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(vitro::allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t n) { vitro::deallocate(p, n * sizeof(T)); }
  bool operator==(const PoolAllocator&) const { return true; }
};

// A base class: `new` and `delete` of a derived class use this allocator.
struct Pooled {
  // They call allocate() and deallocate().
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* block, size_t bytes) { deallocate(block, bytes); }
};

}  // namespace vitro
