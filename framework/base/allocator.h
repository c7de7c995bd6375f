// The caching allocator: 64-byte aligned blocks from thread-local pools, large ones from a shared
// cache.  A block is freed with the size it was asked for, on any thread.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

struct MemoryStats {
  int64_t live = 0;    // bytes in use, rounded up to size classes
  int64_t cached = 0;  // bytes kept for reuse
  int64_t peak = 0;    // the most that was ever live, to within 64 KiB per thread
};
MemoryStats memory_stats();
// Gives cached memory back to the system.  Other threads hand their small blocks over when they
// next free one; what a thread that rests keeps is at most 2 MiB.
void empty_cache();
// Free memory above this is given back at once.  A thread keeps 64 KiB of small blocks anyway.
void set_cache_limit(int64_t bytes);

// Blocks up to this many bytes come from a free list per 64-byte class.
inline constexpr size_t kSmallBlock = 4096;

struct SmallPool {
  void* free[kSmallBlock / 64 + 1];
  std::atomic<int64_t> unreported;  // change of `live` since the last report; written by its owner
  std::atomic<bool> keeps;  // freed blocks; cleared by a thread that wants all lists to be emptied
  bool registered, ended;
  int64_t listed;  // bytes in the lists at the last report
};
extern constinit thread_local SmallPool t_small_pool;

void* allocate_slow(size_t bytes);
void deallocate_slow(void* block, size_t bytes);
void report_small_pool(SmallPool& pool);

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kPooled = false;  // every block is the sanitizer's own
#elif defined(__has_feature)
inline constexpr bool kPooled =
    !__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer);
#else
inline constexpr bool kPooled = true;
#endif

inline void count_small(SmallPool& pool, int64_t bytes) {
  int64_t unreported = pool.unreported.load(std::memory_order_relaxed) + bytes;
  pool.unreported.store(unreported, std::memory_order_relaxed);
  if (unreported > (64 << 10) || unreported < -(64 << 10)) [[unlikely]]
    report_small_pool(pool);
}

// At least `bytes` bytes, 64-byte aligned.  Throws MemoryError.
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

inline void deallocate(void* block, size_t bytes) {
  SmallPool& pool = t_small_pool;
  if (!kPooled || bytes > kSmallBlock || !pool.keeps.load(std::memory_order_relaxed)) [[unlikely]]
    return deallocate_slow(block, bytes);
  size_t size_class = (bytes + 63) / 64;
  *static_cast<void**>(block) = pool.free[size_class];
  pool.free[size_class] = block;
  count_small(pool, -static_cast<int64_t>(size_class * 64));
}

// The allocator of small containers on hot paths.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(vitro::allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t n) { vitro::deallocate(p, n * sizeof(T)); }
  bool operator==(const PoolAllocator&) const { return true; }
};

// A base that gives a class pooled `new` and `delete`.
struct Pooled {
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* block, size_t bytes) { deallocate(block, bytes); }
};

}  // namespace vitro
