// The slow paths of the allocator: small blocks from slabs, the cache of large blocks, statistics.
#include "framework/base/allocator.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "framework/base/allocator_faults.h"
#include "framework/base/error.h"
#include "framework/base/parallel_end.h"
#include "framework/base/parallel_fork.h"
#include "framework/base/small_blocks.h"

namespace vitro {

constinit thread_local SmallPool t_small_pool{};

namespace {

#ifdef NDEBUG
constexpr bool kFillBlocks = false;
#else
constexpr bool kFillBlocks = true;  // fills new blocks with 1 bits: NaN in every floating dtype
#endif
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kBatch = size_t{16} << 10;        // bytes of one class that a thread takes at once
constexpr int64_t kMostListed = int64_t{2} << 20;  // most bytes in the lists of a thread

// Sizes above kSmallBlock fall into 16 classes per power of two, 64 above 1 MiB (<= 2 % waste).
struct LargeClass {
  size_t index, bytes;
};
LargeClass large_class(size_t bytes) {
  const auto power = static_cast<int>(std::bit_width(bytes - 1));  // 2^(power-1) < bytes <= 2^power
  int steps = power > 20 ? 6 : 4;  // log2 of the classes in this octave
  size_t step = size_t{1} << (power - 1 - steps);
  size_t rounded = (bytes + step - 1) / step * step;
  size_t octave = static_cast<size_t>(power) * 64;
  return {octave + (rounded - (size_t{1} << (power - 1))) / step, rounded};
}

void end_thread(void* pool);

// Shared by all threads.  Never destroyed, because static tensors may be destroyed even later.
struct Shared {
  std::mutex mutex;
  std::atomic<int64_t> live{0}, peak{0}, reserved{0}, cache_limit{0};
  std::atomic<AllocationFails> fails{nullptr};
  int64_t cached = 0;  // bytes of the free large blocks and the empty slabs
  void* large[64 * 64 + 1] = {};
  Slabs slabs;
  static constexpr size_t kThreads = 4096;
  SmallPool* pools[kThreads] = {};  // the pools of the running threads
  size_t n_pools = 0;
  AtThreadEnd at_thread_end{end_thread};
};

void unlock_after_fork(bool in_child);
Shared& shared() {
  alignas(Shared) static char room[sizeof(Shared)];
  static Shared* const one = [] {
    auto* s = new (room) Shared;
    s->cache_limit = int64_t{sysconf(_SC_PHYS_PAGES)} / 2 * sysconf(_SC_PAGE_SIZE);
    at_fork(
        ForkLock::kAllocator, [] { shared().mutex.lock(); }, unlock_after_fork);
    return s;
  }();
  return *one;
}

// Created at start-up, so that no thread is creating it while another one forks.
[[maybe_unused]] Shared& g_shared = shared();

void add_live(int64_t bytes) {
  Shared& s = shared();
  int64_t live = s.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t peak = s.peak.load(std::memory_order_relaxed);
  while (live > peak && !s.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
}

// The child of a fork() has no other threads.  It loses their free blocks, and the bytes that they
// have counted since their last report (at most 64 KiB each).
void unlock_after_fork(bool in_child) {
  Shared& s = shared();
  if (in_child) {
    s.n_pools = 0;
    if (t_small_pool.registered) s.pools[s.n_pools++] = &t_small_pool;
  }
  s.mutex.unlock();
}

// The caller holds the lock.
void release_slabs(Shared& s) {
  while (void* slab = s.slabs.remove_empty()) {
    std::free(slab);
    s.reserved -= kSlabBytes, s.cached -= kSlabBytes;
  }
}
void release_all(Shared& s) {
  release_slabs(s);
  for (void*& list : s.large)
    while (void* block = list) {
      list = *static_cast<void**>(block);
      std::free(block);
    }
  s.reserved -= std::exchange(s.cached, 0);
}

// Returns a list of blocks to the slabs, 256 at a time so that no thread waits long for the lock.
void put_back(Shared& s, void* list) {
  while (list) {
    std::lock_guard lock(s.mutex);
    const size_t before = s.slabs.n_empty;
    for (int i = 0; list && i < 256; ++i) {
      void* const block = std::exchange(list, *static_cast<void**>(list));
      s.slabs.put(block);
    }
    s.cached += static_cast<int64_t>((s.slabs.n_empty - before) * kSlabBytes);
    if (s.cached > s.cache_limit.load(std::memory_order_relaxed)) release_slabs(s);
  }
}

// Returns blocks from a thread's lists to the slabs, until at most `most` bytes per class are left.
void shorten_lists(SmallPool& pool, size_t most) {
  Shared& s = shared();
  for (size_t c = 1; c < kSmallClasses; ++c) {
    void** end = &pool.free[c];
    for (size_t kept = most / (c * 64); kept > 0 && *end; --kept) {
      pool.listed += static_cast<int64_t>(c * 64);
      end = static_cast<void**>(*end);
    }
    put_back(s, std::exchange(*end, nullptr));
  }
}
void empty_lists(SmallPool& pool) {
  add_live(pool.unreported.exchange(0, std::memory_order_relaxed));
  pool.listed = 0;
  shorten_lists(pool, 0);
}

// Empties the lists of a thread that ends.  Blocks that it frees later go directly to the slabs.
void end_thread(void* ended) {
  SmallPool& pool = *static_cast<SmallPool*>(ended);
  pool.ended = true;
  pool.keeps.store(false, std::memory_order_relaxed);
  empty_lists(pool);
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  auto* end = std::remove(s.pools, s.pools + s.n_pools, &pool);
  s.n_pools = static_cast<size_t>(end - s.pools);
}

bool register_thread(SmallPool& pool) {
  Shared& s = shared();
  if (!s.at_thread_end.set(&pool)) return false;
  std::lock_guard lock(s.mutex);
  if (s.n_pools == Shared::kThreads) return false;
  s.pools[s.n_pools++] = &pool;
  return pool.registered = true;
}

// Whether this thread keeps lists of free blocks.  Empties the lists if ask_for_lists() was called.
bool keeps_lists(SmallPool& pool) {
  if (pool.keeps.load(std::memory_order_relaxed)) return true;
  if (pool.ended || (!pool.registered && !register_thread(pool))) return false;
  pool.keeps.store(true, std::memory_order_seq_cst);
  empty_lists(pool);
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  release_slabs(s);
  if (!s.fails.load(std::memory_order_seq_cst)) return true;
  pool.keeps.store(false, std::memory_order_relaxed);
  return false;
}

// Asks every thread to empty its lists.  Each thread does so in its next call of keeps_lists().
void ask_for_lists(Shared& s) {
  std::lock_guard lock(s.mutex);
  for (size_t i = 0; i < s.n_pools; ++i) s.pools[i]->keeps.store(false, std::memory_order_seq_cst);
}

// Returns null if the system has no memory.
void* try_system(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : bytes == kSlabBytes ? kSlab : 64;
  void* block = nullptr;
  const size_t rounded =
      bytes < kHugePage ? bytes : (bytes + kHugePage - 1) / kHugePage * kHugePage;
  return posix_memalign(&block, alignment, rounded) == 0 ? block : nullptr;
}
void* from_system(size_t bytes) {
  void* block = try_system(bytes);
  if (!block) {
    empty_cache();
    block = try_system(bytes);
  }
  if (!block) fail_memory(bytes);
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  shared().reserved += static_cast<int64_t>(bytes);
  return block;
}

void to_system(void* block, size_t bytes) {
  shared().reserved -= static_cast<int64_t>(bytes);
  std::free(block);
}

// Takes a list of up to `count` blocks of class c from the slabs.
void* take_blocks(size_t c, size_t count, size_t* taken) {
  Shared& s = shared();
  for (;;) {
    {
      std::lock_guard lock(s.mutex);
      const size_t before = s.slabs.n_empty;
      void* const list = s.slabs.take(c, count, taken);
      s.cached -= static_cast<int64_t>((before - s.slabs.n_empty) * kSlabBytes);
      if (list) return list;
    }
    void* const slab = from_system(kSlabBytes);  // may take the lock in empty_cache()
    std::lock_guard lock(s.mutex);
    s.slabs.add_empty(slab), s.cached += kSlabBytes;
  }
}

void* allocate_small(size_t bytes) {
  SmallPool& pool = t_small_pool;
  const size_t c = (bytes + 63) / 64, size = c * 64;
  size_t taken = 1;
  if (!keeps_lists(pool)) {
    void* const block = take_blocks(c, 1, &taken);
    add_live(static_cast<int64_t>(size));
    return block;
  }
  if (!pool.free[c]) {
    pool.free[c] = take_blocks(c, kBatch / size, &taken);
    pool.listed += static_cast<int64_t>(taken * size);
  }
  void* block = pool.free[c];
  pool.free[c] = *static_cast<void**>(block);
  count_small(pool, static_cast<int64_t>(size));
  return block;
}

void* allocate_large(size_t bytes) {
  LargeClass c = large_class(bytes);
  Shared& s = shared();
  add_live(static_cast<int64_t>(c.bytes));
  {
    std::lock_guard lock(s.mutex);
    if (void* block = s.large[c.index]) {
      s.large[c.index] = *static_cast<void**>(block);
      s.cached -= static_cast<int64_t>(c.bytes);
      return block;
    }
  }
  try {
    return from_system(c.bytes);
  } catch (...) {
    add_live(-static_cast<int64_t>(c.bytes));
    throw;
  }
}

void deallocate_large(void* block, size_t bytes) {
  LargeClass c = large_class(bytes);
  Shared& s = shared();
  add_live(-static_cast<int64_t>(c.bytes));
  {
    std::lock_guard lock(s.mutex);
    if (s.cached + static_cast<int64_t>(c.bytes) <= s.cache_limit.load(std::memory_order_relaxed)) {
      *static_cast<void**>(block) = s.large[c.index];
      s.large[c.index] = block;
      s.cached += static_cast<int64_t>(c.bytes);
      return;
    }
  }
  to_system(block, c.bytes);
}

}  // namespace

void report_small_pool(SmallPool& pool) {
  const int64_t change = pool.unreported.exchange(0, std::memory_order_relaxed);
  add_live(change);
  pool.listed -= change;
  const int64_t limit = shared().cache_limit.load(std::memory_order_relaxed);
  if (pool.listed <= std::min<int64_t>(kMostListed, limit)) return;
  pool.listed = 0;
  shorten_lists(pool, limit < kMostListed ? 0 : kBatch);
}

void* allocate_slow(size_t bytes) {
  if (bytes > size_t{1} << 62) fail_memory(bytes);
  const AllocationFails fails = shared().fails.load(std::memory_order_relaxed);
  if (fails && fails()) fail_memory(bytes);
  void* block;
  if (!kPooled) {
    block = from_system(std::max<size_t>(bytes, 1));
    add_live(static_cast<int64_t>(bytes));
  } else {
    block =
        bytes > kSmallBlock ? allocate_large(bytes) : allocate_small(std::max<size_t>(bytes, 1));
  }
  if (kFillBlocks) std::memset(block, 0xff, bytes);
  return block;
}

void deallocate_slow(void* block, size_t bytes) {
  if (!kPooled) {
    add_live(-static_cast<int64_t>(bytes));
    return to_system(block, std::max<size_t>(bytes, 1));
  }
  if (bytes > kSmallBlock) return deallocate_large(block, bytes);
  if (keeps_lists(t_small_pool)) return deallocate(block, bytes);
  *static_cast<void**>(block) = nullptr;
  put_back(shared(), block);
  add_live(-static_cast<int64_t>((bytes + 63) / 64 * 64));
}

MemoryStats memory_stats() {
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  MemoryStats stats;
  stats.live = s.live;
  for (size_t i = 0; i < s.n_pools; ++i)
    stats.live += s.pools[i]->unreported.load(std::memory_order_relaxed);
  stats.cached = s.reserved - stats.live;
  stats.peak = std::max(s.peak.load(), stats.live);
  return stats;
}

void empty_cache() {
  Shared& s = shared();
  ask_for_lists(s);
  keeps_lists(t_small_pool);
  {
    std::lock_guard lock(s.mutex);
    release_all(s);
  }
#ifdef __GLIBC__
  malloc_trim(0);  // free() alone does not return the pages
#endif
}

void set_cache_limit(int64_t bytes) {
  Shared& s = shared();
  s.mutex.lock();
  s.cache_limit = bytes;
  bool above = s.cached > bytes;
  s.mutex.unlock();
  if (above || bytes < kMostListed) empty_cache();
}

void set_allocation_fails(AllocationFails fails) {
  Shared& s = shared();
  s.fails.store(fails, std::memory_order_seq_cst);
  ask_for_lists(s);
  keeps_lists(t_small_pool);
}

}  // namespace vitro
