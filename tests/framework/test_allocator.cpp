// Tests the allocator: its statistics, its cache, and blocks that move between threads.
#include <pthread.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

Tensor bytes(int64_t n) { return empty({n}, kUInt8); }

// Empties the cache, and returns the bytes that stay in it.  `held` gets a tensor, so that the slab
// from which tensor handles come stays in use.
int64_t cached_when_empty(Tensor& held) {
  held = bytes(10 * kMiB);
  empty_cache();
  return memory_stats().cached;
}

// Restores the cache limit at the end of a test that changes it.
struct KeepCacheLimit {
  ~KeepCacheLimit() { set_cache_limit(int64_t{1} << 40); }
};

}  // namespace

TEST_CASE("live counts the bytes in use and returns to its value") {
  (void)bytes(1);  // makes this thread's pool
  const int64_t before = live_bytes();
  for (int64_t n : {0, 1, 64, 100, 4000, 4097, 100'000, 3'000'000}) {
    INFO(n);
    {
      Tensor x = bytes(n);
      CHECK(live_bytes() >= before + n);
      Tensor view = x.detach();
      x = Tensor();
      CHECK(live_bytes() >= before + n);  // the view holds the storage
    }
    CHECK(live_bytes() == before);
  }
}

TEST_CASE("a graph frees all its memory") {
  Tensor w = randn({16, 16}).requires_grad_();
  auto step = [&] {
    Tensor x = randn({8, 16});
    for (int i = 0; i < 5; ++i) x = tanh(x.matmul(w));
    x.sum().backward();
    w.zero_grad();
  };
  step();
  const int64_t before = live_bytes();
  for (int i = 0; i < 3; ++i) step();
  CHECK(live_bytes() == before);
}

TEST_CASE("peak is the largest value that live ever had") {
  const int64_t before = live_bytes();
  { Tensor x = bytes(300 * kMiB); }
  const int64_t peak = memory_stats().peak;
  CHECK(peak >= before + 300 * kMiB);
  { Tensor x = bytes(kMiB); }
  CHECK(memory_stats().peak == peak);
  CHECK(live_bytes() == before);
}

TEST_CASE("large blocks waste at most 2 percent above 1 MiB") {
  for (int64_t n = kMiB + 1; n < 300 * kMiB; n += n / 7) {
    const int64_t before = live_bytes();
    Tensor x = bytes(n);
    const int64_t taken = live_bytes() - before;
    CHECK(taken >= n);
    CHECK(static_cast<double>(taken) <= 1.02 * static_cast<double>(n) + 4096);
  }
}

TEST_CASE("data is aligned to 64 bytes, whatever the size") {
  std::vector<Tensor> held;
  for (int64_t n = 1; n < 3'000'000; n = n * 3 / 2 + 1) {
    held.push_back(bytes(n));
    CHECK(reinterpret_cast<uintptr_t>(held.back().data<uint8_t>()) % 64 == 0);
  }
}

TEST_CASE("freed blocks are cached and reused, and empty_cache returns them to the system") {
  if (!kPooled) return;  // there is no cache under a sanitizer
  Tensor held;
  const int64_t cached = cached_when_empty(held);
  const uint8_t* block = nullptr;
  {
    Tensor x = bytes(10 * kMiB);
    block = x.data<uint8_t>();
    CHECK(memory_stats().cached <= cached);
  }
  CHECK(memory_stats().cached >= cached + 10 * kMiB);
  CHECK(bytes(10 * kMiB).data<uint8_t>() == block);
  CHECK(bytes(10 * kMiB - 5).data<uint8_t>() == block);  // the same size class
  empty_cache();
  CHECK(memory_stats().cached == cached);

  const uint8_t* small = bytes(2000).data<uint8_t>();
  CHECK(bytes(2000).data<uint8_t>() == small);
}

TEST_CASE("large blocks above the cache limit return to the system at once") {
  if (!kPooled) return;
  KeepCacheLimit keep;
  Tensor held;
  const int64_t cached = cached_when_empty(held);
  set_cache_limit(15 * kMiB);
  { Tensor x = bytes(10 * kMiB), y = bytes(10 * kMiB); }
  CHECK(memory_stats().cached >= cached + 10 * kMiB);  // there is room for one of the two
  CHECK(memory_stats().cached < cached + 12 * kMiB);
  set_cache_limit(kMiB);  // also frees the blocks that are cached already
  CHECK(memory_stats().cached == cached);
  { Tensor x = bytes(10 * kMiB); }
  CHECK(memory_stats().cached == cached);
}

TEST_CASE("blocks may be freed on another thread, and threads leave nothing behind") {
  (void)bytes(1);
  const int64_t before = live_bytes();
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> made;
    std::thread([&] {
      for (int64_t n : {1, 100, 4000, 5000, 2'000'000}) made.push_back(full({n}, round, kUInt8));
    }).join();
    CHECK(live_bytes() > before);
    for (const Tensor& x : made) CHECK(x.data<uint8_t>()[x.numel() - 1] == round);
    std::thread([moved = std::move(made)]() mutable { moved.clear(); }).join();
    made.clear();
    CHECK(live_bytes() == before);
  }
  if (!kPooled) return;
  // Blocks that ended threads had cached are reused, so memory does not grow with each thread.
  auto work = [] {
    std::vector<Tensor> many;
    for (int i = 0; i < 200; ++i) many.push_back(bytes(500));
  };
  std::thread(work).join();
  const MemoryStats once = memory_stats();
  for (int i = 0; i < 20; ++i) std::thread(work).join();
  const MemoryStats often = memory_stats();
  CHECK(often.live + often.cached == once.live + once.cached);
}

TEST_CASE("threads that allocate at once get different blocks") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&wrong, t] {
      for (int i = 0; i < 300; ++i) {
        std::vector<Tensor> held;
        for (int64_t n : {3, 70, 3000, 9000, 300'000}) held.push_back(full({n}, t + 1, kUInt8));
        for (const Tensor& x : held)
          wrong += x.data<uint8_t>()[0] != t + 1 || x.data<uint8_t>()[x.numel() - 1] != t + 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

namespace {

// A queue of small tensors that one thread makes and another drops.  It has at most 64 tensors.
class Handover {
 public:
  void push(Tensor x) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return queue_.size() < 64; });
    queue_.push_back(std::move(x));
    changed_.notify_all();
  }
  Tensor pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty(); });
    Tensor x = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return x;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Tensor> queue_;
};

int64_t taken() {
  const MemoryStats stats = memory_stats();
  return stats.live + stats.cached;
}

constexpr int64_t kThreadKeeps = 4 * kMiB;  // the most bytes in the free lists of two threads

}  // namespace

TEST_CASE("small blocks that one thread makes and another drops do not pile up") {
  if (!kPooled) return;
  const int64_t elements = GENERATE(8, 1000, 3900);
  const bool graphs = GENERATE(false, true);
  const int64_t limit = GENERATE(int64_t{1} << 40, int64_t{0});
  CAPTURE(elements, graphs, limit);
  KeepCacheLimit keep;
  set_cache_limit(limit);
  empty_cache();
  const int64_t before = taken();
  Handover queue;
  constexpr int kCount = 20'000;
  std::thread producer([&] {
    const Tensor one = ones({1}).requires_grad_();
    for (int i = 0; i < kCount; ++i) queue.push(graphs ? one * 2.0 : bytes(elements));
  });
  int64_t most = 0;
  for (int i = 0; i < kCount; ++i) {
    (void)queue.pop();
    if (i % 1000 == 0) most = std::max(most, taken());
  }
  producer.join();
  CHECK(most - before < (limit ? kThreadKeeps + 2 * kMiB : 2 * kMiB));
  empty_cache();
  CHECK(taken() - before < kMiB);
}

TEST_CASE("empty_cache frees small blocks in the lists of all threads") {
  if (!kPooled) return;
  empty_cache();
  const int64_t before = taken();
  const auto many = [] {
    std::vector<Tensor> made;
    for (int i = 0; i < 10'000; ++i) made.push_back(bytes(2000));
    return made;
  };
  many().clear();
  CHECK(taken() - before > 10 * kMiB);
  empty_cache();
  CHECK(taken() - before < kMiB);

  std::thread([dropped = many()]() mutable { dropped.clear(); }).join();
  empty_cache();
  CHECK(taken() - before < kMiB);

  // The lists of another thread are emptied when that thread next frees something.
  Handover to, from;
  std::thread other([&] {
    many().clear();
    from.push(bytes(1));
    (void)to.pop();
    bytes(1);
    from.push(bytes(1));
    (void)to.pop();
  });
  (void)from.pop();
  empty_cache();
  CHECK(taken() - before < kThreadKeeps / 2 + kMiB);
  to.push(bytes(1));
  (void)from.pop();
  CHECK(taken() - before < kMiB);
  to.push(bytes(1));
  other.join();
}

TEST_CASE("a tensor may be destroyed after its thread's lists") {
  struct Late {
    Tensor x;
    ~Late() { x = bytes(5), x = Tensor(); }
  };
  const int64_t before = live_bytes();
  std::thread([] {
    // Destructors run in the order of the keys.  The allocator's key is older, so it runs first.
    pthread_key_t key;
    REQUIRE(pthread_key_create(&key, [](void* p) { delete static_cast<Late*>(p); }) == 0);
    REQUIRE(pthread_setspecific(key, new Late{bytes(100)}) == 0);
  }).join();
  CHECK(live_bytes() == before);
}
