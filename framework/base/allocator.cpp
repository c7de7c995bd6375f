// The slow paths of the allocator: carving small blocks, caching large ones, statistics.
#include "framework/base/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "framework/base/error.h"
#include "framework/base/parallel_fork.h"

namespace vitro {

constinit thread_local SmallPool t_small_pool{};

namespace {

#ifdef NDEBUG
constexpr bool kFillBlocks = false;
#else
constexpr bool kFillBlocks = true;  // all bits set is NaN in every floating dtype
#endif
constexpr size_t kHugePage = size_t{2} << 20;

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

// Everything that threads share.  Never destroyed: tensors with static storage die after it would.
struct Shared {
  std::mutex mutex;
  std::atomic<int64_t> live{0}, peak{0}, reserved{0};
  int64_t cache_limit = 0, cached_large = 0;
  void* large[64 * 64 + 1] = {};
  static constexpr size_t kThreads = 4096;
  SmallPool* pools[kThreads] = {};  // of the running threads
  size_t n_pools = 0;
  SmallPool orphans{};  // free lists of the threads that ended
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

// Made at once, so that no thread is making it while another forks.
[[maybe_unused]] Shared& g_shared = shared();

void add_live(int64_t bytes) {
  Shared& s = shared();
  int64_t live = s.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t peak = s.peak.load(std::memory_order_relaxed);
  while (live > peak && !s.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
}

// The other threads, and the memory that holds their pools, are not in the child.  What they
// counted since their last report is lost there, at most 64 KiB each, and so are their free blocks.
void unlock_after_fork(bool in_child) {
  Shared& s = shared();
  if (in_child) {
    s.n_pools = 0;
    if (t_small_pool.registered) s.pools[s.n_pools++] = &t_small_pool;
  }
  s.mutex.unlock();
}

void move_lists(SmallPool& from, SmallPool& to) {
  for (size_t c = 1; c <= kSmallBlock / 64; ++c)
    while (void* block = from.free[c]) {
      from.free[c] = *static_cast<void**>(block);
      *static_cast<void**>(block) = to.free[c];
      to.free[c] = block;
    }
}

// Hands this thread's free blocks over when it ends.
struct ThreadEnd {
  ~ThreadEnd() {
    SmallPool& pool = t_small_pool;
    report_small_pool(pool);
    Shared& s = shared();
    std::lock_guard lock(s.mutex);
    move_lists(pool, s.orphans);
    auto* end = std::remove(s.pools, s.pools + s.n_pools, &pool);
    s.n_pools = static_cast<size_t>(end - s.pools);
  }
};

void register_thread(SmallPool& pool) {
  thread_local ThreadEnd at_end;
  (void)at_end;
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  pool.registered = true;
  if (s.n_pools < Shared::kThreads) s.pools[s.n_pools++] = &pool;
  move_lists(s.orphans, pool);
}

void* from_system(size_t bytes) {
  size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!block) {
    empty_cache();
    block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  check<MemoryError>(block, "allocate: the system has no ", bytes, " bytes of memory left");
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

void* allocate_small(size_t bytes) {
  SmallPool& pool = t_small_pool;
  if (!pool.registered) register_thread(pool);
  size_t c = (bytes + 63) / 64, size = c * 64;
  if (!pool.free[c]) {
    size_t count = std::max<size_t>(1, (16 << 10) / size);
    char* chunk = static_cast<char*>(from_system(size * count));
    for (size_t i = count; i-- > 0;) {
      *reinterpret_cast<void**>(chunk + i * size) = pool.free[c];
      pool.free[c] = chunk + i * size;
    }
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
      s.cached_large -= static_cast<int64_t>(c.bytes);
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
    if (s.cached_large + static_cast<int64_t>(c.bytes) <= s.cache_limit) {
      *static_cast<void**>(block) = s.large[c.index];
      s.large[c.index] = block;
      s.cached_large += static_cast<int64_t>(c.bytes);
      return;
    }
  }
  to_system(block, c.bytes);
}

}  // namespace

void report_small_pool(SmallPool& pool) {
  add_live(pool.unreported.exchange(0, std::memory_order_relaxed));
}

void* allocate_slow(size_t bytes) {
  constexpr size_t kMost = size_t{1} << 62;
  check<MemoryError>(bytes <= kMost, "allocate: no machine has ", bytes, " bytes of memory");
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
  register_thread(t_small_pool);
  deallocate(block, bytes);
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
  std::lock_guard lock(s.mutex);
  for (void*& list : s.large) {
    while (void* block = list) {
      list = *static_cast<void**>(block);
      std::free(block);
    }
  }
  s.reserved -= std::exchange(s.cached_large, 0);
}

void set_cache_limit(int64_t bytes) {
  Shared& s = shared();
  s.mutex.lock();
  s.cache_limit = bytes;
  bool above = s.cached_large > bytes;
  s.mutex.unlock();
  if (above) empty_cache();
}

}  // namespace vitro
