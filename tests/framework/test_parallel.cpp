// Tests the pool behind parallel_for: ranges, exceptions, nested loops, many callers, numbers of
// threads.
//
// They use only the pool, so that the thread sanitizer can check them (tests/fuzz/CMakeLists.txt).
#include "framework/base/parallel.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "framework/base/error.h"
#include "framework/base/parallel_worker.h"
#include "framework/base/runtime.h"
#include "tests/support/threads.h"

using namespace vitro;
using testing::Threads;

namespace {

// Counts how often a loop visits each index of [0, n).
std::vector<int> visits(int64_t n, int64_t grain) {
  std::vector<int> count(static_cast<size_t>(n), 0);
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++count[static_cast<size_t>(i)];
  });
  return count;
}

int64_t sum_of_squares(int64_t n, int64_t grain) {
  std::vector<int64_t> squares(static_cast<size_t>(n));
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) squares[static_cast<size_t>(i)] = i * i;
  });
  return std::accumulate(squares.begin(), squares.end(), int64_t{0});
}
int64_t squares_below(int64_t n) { return (n - 1) * n * (2 * n - 1) / 6; }

float tiny() {
  static volatile float smallest = 1e-38f;
  return smallest * 0.01f;  // denormal, or 0 if denormals are flushed
}

}  // namespace

TEST_CASE("parallel_for visits every index once, for any length, grain and number of threads") {
  const int threads = GENERATE(1, 2, 3, 4, 7, 64);
  Threads scope(threads);
  for (int64_t n : {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 1000, 4097})
    for (int64_t grain : {0, 1, 2, 7, 16, 1000}) {
      CAPTURE(threads, n, grain);
      CHECK(visits(n, grain) == std::vector<int>(static_cast<size_t>(n), 1));
    }
}

TEST_CASE("ranges are as long as the grain, and at most as many as threads") {
  Threads scope(4);
  for (auto [n, grain, most] : {std::tuple<int64_t, int64_t, int>{10, 6, 1},
                                {12, 6, 2},
                                {100, 30, 3},
                                {100, 1, 4},
                                {1000, 100, 4}}) {
    std::atomic<int> ranges{0};
    std::atomic<int64_t> shortest{n};
    parallel_for(n, grain, [&, n = n](int64_t begin, int64_t end) {
      ++ranges;
      if (end < n) {
        int64_t seen = shortest;
        while (end - begin < seen && !shortest.compare_exchange_weak(seen, end - begin)) {}
      }
    });
    CAPTURE(n, grain);
    CHECK(ranges <= most);
    CHECK((ranges == 1 || shortest >= grain));
  }
}

TEST_CASE("the first exception of a range reaches the caller, and the other ranges still run") {
  Threads scope(GENERATE(1, 2, 4));
  for (int64_t bad = 0; bad < 64; ++bad) {
    std::atomic<int64_t> met{0};
    auto loop = [&] {
      parallel_for(64, 16, [&](int64_t begin, int64_t end) {
        met += end - begin;
        if (begin <= bad && bad < end) throw ValueError("range with " + std::to_string(bad));
      });
    };
    CHECK_THROWS_AS(loop(), ValueError);
    CHECK(met == 64);
    CHECK(visits(64, 1) == std::vector<int>(64, 1));  // the pool still works
  }
  auto all_throw = [] { parallel_for(64, 1, [](int64_t, int64_t) { throw MemoryError("none"); }); };
  for (int i = 0; i < 100; ++i) CHECK_THROWS_AS(all_throw(), MemoryError);
}

TEST_CASE("a loop inside a range runs on the range's thread") {
  Threads scope(4);
  std::atomic<int> elsewhere{0};
  std::atomic<int64_t> total{0};
  parallel_for(64, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const std::thread::id outer = std::this_thread::get_id();
      parallel_for(100, 1, [&](int64_t b, int64_t e) {
        if (std::this_thread::get_id() != outer) ++elsewhere;
        total += e - b;
      });
    }
  });
  CHECK(elsewhere == 0);
  CHECK(total == 6400);
  auto throws = [] {
    parallel_for(8, 1, [](int64_t, int64_t) {
      parallel_for(8, 1, [](int64_t, int64_t) { throw ShapeError("inner"); });
    });
  };
  CHECK_THROWS_AS(throws(), ShapeError);
}

TEST_CASE("eight threads share the pool: each has its own result") {
  Threads scope(4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&wrong, t] {
      for (int i = 0; i < 300; ++i) {
        const int64_t n = 100 + 50 * t + i;
        if (sum_of_squares(n, 10) != squares_below(n)) ++wrong;
        if (i % 50 == 0) try {
            parallel_for(n, 10, [](int64_t, int64_t) { throw ValueError("mine"); });
            ++wrong;
          } catch (const ValueError&) {}
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("a thread that finds the pool busy runs its loop alone") {
  Threads scope(2);
  const uint64_t alone_before = pool_stats().alone;
  std::atomic<bool> inside{false}, leave{false};
  std::thread holder([&] {
    parallel_for(2, 1, [&](int64_t begin, int64_t) {
      if (begin != 0) return;
      inside = true;
      while (!leave) std::this_thread::yield();
    });
  });
  while (!inside) std::this_thread::yield();
  CHECK(sum_of_squares(1000, 10) == squares_below(1000));
  CHECK(pool_stats().alone == alone_before + 1);
  leave = true;
  holder.join();
}

TEST_CASE("a thousand threads come and go") {
  Threads scope(3);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 125; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        if (sum_of_squares(500, 10) != squares_below(500)) ++wrong;
      });
    for (std::thread& t : threads) t.join();
  }
  CHECK(wrong == 0);
  CHECK(pool_stats().workers < 100);
}

TEST_CASE("the number of threads may change while jobs run") {
  Threads scope(2);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int n = 1; !stop; n = n % 7 + 1) set_num_threads(n);
  });
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) wrong += sum_of_squares(200, 10) != squares_below(200);
  stop = true;
  changer.join();
  CHECK(wrong == 0);
}

TEST_CASE("set_num_threads is for the process, ScopedThreads for the calling thread") {
  Threads scope(3);
  const auto elsewhere = [] {
    int n = 0;
    std::thread([&] { n = get_num_threads(); }).join();
    return n;
  };
  CHECK(get_num_threads() == 3);
  CHECK(elsewhere() == 3);
  std::thread([] { set_num_threads(5); }).join();
  CHECK(get_num_threads() == 5);
  {
    ScopedThreads two(2);
    CHECK(get_num_threads() == 2);
    CHECK(elsewhere() == 5);
    ScopedThreads four(4);  // an inner scope may lower the limit, but never raises it
    CHECK(get_num_threads() == 2);
    set_num_threads(1);
    CHECK(get_num_threads() == 1);
    set_num_threads(5);
  }
  CHECK(get_num_threads() == 5);
  CHECK_THROWS_AS(set_num_threads(0), ValueError);
  CHECK_THROWS_AS(set_num_threads(-1), ValueError);
  for (int n : {1025, 1 << 20, std::numeric_limits<int>::max()})
    CHECK_THROWS_WITH(set_num_threads(n),
                      Catch::Contains("expected 1 to 1024 threads, got " + std::to_string(n)));
  CHECK_THROWS_AS(ScopedThreads(0), ValueError);
  CHECK(get_num_threads() == 5);
}

TEST_CASE("jobs are counted, and one thread makes none") {
  Threads scope(2);
  while (pool_stats().workers == 0) visits(100, 10);  // workers start only after some loops
  const PoolStats before = pool_stats();
  for (int i = 0; i < 10; ++i) visits(100, 10);
  CHECK(pool_stats().jobs == before.jobs + 10);
  visits(19, 10);  // shorter than two grains
  {
    ScopedThreads one(1);
    visits(100, 10);
  }
  set_num_threads(1);
  visits(100, 10);
  CHECK(pool_stats().jobs == before.jobs + 10);
}

TEST_CASE("workers without work go to sleep, and wake up for new work") {
  Threads scope(2);
  visits(100, 10);
  for (int round = 0; round < 3; ++round) {
    const uint64_t sleeps = pool_stats().sleeps;
    // A worker that already sleeps counts another sleep only after it has been woken.
    std::atomic<bool> helper_came{false};
    while (!helper_came)
      parallel_for(2, 1, [&](int64_t begin, int64_t) {
        if (begin == 1) return helper_came = true, void();
        for (int i = 0; i < 1000 && !helper_came; ++i) std::this_thread::yield();
      });
    while (pool_stats().sleeps == sleeps) std::this_thread::yield();
  }
  SUCCEED();
}

TEST_CASE("denormal numbers are flushed inside every range, and nowhere else") {
  Threads scope(GENERATE(1, 2));
  KeepDenormals keep;
  REQUIRE(tiny() != 0);
  for (int64_t grain : {1, 1000}) {  // on several threads, and on one
    std::atomic<int> kept{0};
    parallel_for(100, grain, [&](int64_t, int64_t) { kept += tiny() != 0; });
    CHECK(kept == 0);
    CHECK(tiny() != 0);
  }
}

TEST_CASE("a Worker is a named thread that flushes denormals, takes no signal and is joined") {
  std::string name;
  bool flushes = false, blocked = false;
  Worker worker("a-name-longer-than-15", [&] {
    char text[32];
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
    flushes = tiny() == 0;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM);
  });
  worker.join();
  worker.join();  // a second call does nothing
  CHECK(name == "a-name-longer-t");
  CHECK(flushes);
  CHECK(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK_FALSE(sigismember(&mask, SIGINT));

  Worker failing("fails", [] { throw IoError("lost"); });
  CHECK_THROWS_AS(failing.join(), IoError);
  failing.join();
  {
    Worker dropped("fails", [] { throw IoError("nobody asks"); });
  }
}
