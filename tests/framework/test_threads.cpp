// Tests the library in programs that use threads, fork() or OpenMP, and with any number of threads.
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <thread>

#include "framework/base/parallel.h"
#include "tests/support/tensors.h"
#include "tests/support/threads.h"
#include "tests/support/user_openmp.h"
#include "vitro.h"

using namespace vitro;
using testing::same_bits;
using testing::Threads;

namespace {

int threads_of_process() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

// Runs elementwise loops, a product on oneDNN, a packed weight, sums and their gradients.
struct Work {
  Tensor x = randn({130, 300}), w = randn({260, 300}), small = randn({64, 64});
  std::vector<Tensor> run() const {
    Tensor a = x.clone().requires_grad_(), b = w.clone().requires_grad_(),
           c = small.clone().requires_grad_();
    Tensor y = gelu(linear(a, b));
    Tensor z = linear(small, c);
    (y * y).sum().backward(), (z * z).sum().backward();
    nn::Linear(3, 2)(ones({1, 3}));  // gives a module its name
    return {y.detach(), z.detach(), a.grad(), b.grad(), c.grad()};
  }
};
bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!same_bits(a[i], b[i])) return false;
  return true;
}

// Runs f in a child for at most 20 seconds.  Returns "right" if f was true, else the kind of
// failure.
template <class F>
std::string in_child(const F& f) {
  const pid_t child = fork();
  if (child < 0) return "no child";
  if (child == 0) {
    alarm(20);
    int status = 1;
    try {
      status = f() ? 0 : 1;
    } catch (...) { status = 2; }
    _exit(status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (!WIFEXITED(status)) return "signal " + std::to_string(WTERMSIG(status));
  constexpr const char* kEnds[] = {"right", "wrong", "exception"};
  return kEnds[std::min(WEXITSTATUS(status), 2)];
}

// A static object that holds a graph until the program ends.  Its destructor computes, when most
// static and thread_local objects are already destroyed.
struct AtExit {
  Tensor graph;
  ~AtExit() {
    if (!graph.defined()) return;
    NoGradGuard unrecorded;
    try {  // oneDNN is already destroyed, so this throws, but does not crash
      matmul(ones({300, 300}), ones({300, 300}));
      _exit(3);
    } catch (const Error&) {}
    if ((exp(zeros({1 << 18})) + 1.0).sum().item<float>() != 2.0f * (1 << 18)) _exit(3);
  }
};
AtExit g_at_exit;

}  // namespace

TEST_CASE("a static object may hold a graph and compute while the program ends") {
  Tensor x = randn({200, 200}).requires_grad_();
  g_at_exit.graph = matmul(x, exp(x)).sum();
  CHECK(g_at_exit.graph.defined());
}

TEST_CASE("a child of fork() computes, and so does its parent") {
  Threads scope(3);
  const Work work;
  const std::vector<Tensor> expected = work.run();
  for (int i = 0; i < 100; ++i) {
    REQUIRE(in_child([&] { return same(work.run(), expected) && pool_stats().workers == 2; }) ==
            "right");
    REQUIRE(same(work.run(), expected));
  }
  // A child of a child, and a child that sets its own number of threads.
  std::string grandchild;
  CHECK(in_child([&] {
          grandchild = in_child([&] {
            set_num_threads(4);
            return same(work.run(), expected);
          });
          if (grandchild != "right") fprintf(stderr, "the grandchild: %s\n", grandchild.c_str());
          return grandchild == "right";
        }) == "right");
}

// The malloc of the address sanitizer (g++ 12) does not take its locks around fork().
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("fork() while other threads compute and allocate") {
  Threads scope(3);
  const Work work;
  const std::vector<Tensor> expected = work.run();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread computes([&] {
    while (!stop) wrong += !same(work.run(), expected);
  });
  std::thread allocates([&] {
    for (int64_t n = 1; !stop; n = n % 5000 + 7) {
      Tensor large = empty({n * 100}), little = empty({n % 50 + 1});
      if (n % 11 == 0) empty_cache();
      nn::Linear named(3, 2 + n % 5);
      named(ones({1, 3}));
    }
  });
  std::string end = "right";
  for (int i = 0; i < 100 && end == "right"; ++i)
    end = in_child([&] {
      memory_stats();
      return same(work.run(), expected);
    });
  stop = true;
  computes.join();
  allocates.join();
  CHECK(end == "right");
  CHECK(wrong == 0);
}
#endif

TEST_CASE("a child of a fork inside a loop computes alone") {
  Threads scope(2);
  const Work work;
  const std::vector<Tensor> expected = work.run();
  std::string child;
  parallel_for(2, 1, [&](int64_t begin, int64_t) {
    if (begin == 0) child = in_child([&] { return same(work.run(), expected); });
  });
  CHECK(child == "right");
  CHECK(same(work.run(), expected));
}

TEST_CASE(
    "in a child that was forked inside a loop, the loop ends with an error if it lacks a range") {
  Threads scope(2);
  const Work work;
  const std::vector<Tensor> expected = work.run();
  const pid_t parent = getpid();
  pid_t child = 0;
  // Repeats until the fork happens while a worker runs its range.  The caller may run both ranges,
  // for example while other programs compute.
  for (bool met = false; !met;) {
    std::atomic<bool> worker_is_in{false}, may_leave{false};
    std::string error;
    const std::thread::id caller = std::this_thread::get_id();
    try {
      parallel_for(2, 1, [&](int64_t, int64_t) {
        if (std::this_thread::get_id() != caller) {
          worker_is_in = true;
          while (!may_leave) std::this_thread::yield();
          return;
        }
        for (int i = 0; i < 1000 && !worker_is_in; ++i) std::this_thread::yield();
        if (met || !worker_is_in) return;
        met = true;
        child = fork();
        if (child == 0) alarm(20);
        may_leave = true;
      });
    } catch (const Error& e) { error = e.what(); }
    if (getpid() != parent)  // the next loops of the child can use the pool
      _exit(error.find("fork") != std::string::npos && same(work.run(), expected) &&
                    pool_stats().workers == 1
                ? 0
                : 1);
    CHECK(error.empty());
  }
  int status = 1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("OpenMP regions of a user call vitro, and keep their own number of threads") {
  if (!user_openmp::available()) return;
  Threads scope(2);
  const Work work;
  const std::vector<Tensor> expected = work.run();
  user_openmp::set_threads(3);
  CHECK(same(work.run(), expected));
  CHECK(user_openmp::max_threads() == 3);
  std::atomic<int> wrong{0};
  user_openmp::region(4, [&] {
    for (int i = 0; i < 10; ++i) wrong += !same(work.run(), expected);
  });
  CHECK(wrong == 0);
  CHECK(user_openmp::max_threads() == 3);
  std::thread([&] {  // sets OpenMP's number of threads for this thread only
    user_openmp::set_threads(5);
    wrong += !same(work.run(), expected);
    wrong += user_openmp::max_threads() != 5;
  })
      .join();
  CHECK(wrong == 0);
}

TEST_CASE("oneDNN starts no threads of its own") {
  int before = 0, after = 0;
  // Runs in a child, in which no other test has started threads.
  CHECK(in_child([&] {
          set_num_threads(1);
          before = threads_of_process();
          const Tensor x = ones({512, 512}), y = relu(matmul(x, x));
          relu(ones({1 << 20}));
          after = threads_of_process();
          set_num_threads(3);
          for (int i = 0; i < 10'000 && pool_stats().workers == 0; ++i) matmul(x, y);
          return before == 1 && after == 1 && threads_of_process() == 3;
        }) == "right");
}

TEST_CASE("threads share oneDNN's primitives, and runs are counted for the whole process") {
  Threads scope(1);
  const Tensor x = ones({70, 310}), w = ones({290, 310});
  const auto product = [&] { return matmul(x, w.t()); };
  product();
  const OnednnStats before = onednn_stats();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { product(); });
  for (std::thread& t : threads) t.join();
  const OnednnStats after = onednn_stats();
  CHECK(after.misses == before.misses);
  CHECK(after.hits > before.hits);
  const auto runs = [](const OnednnStats& stats) {
    int64_t sum = 0;
    for (const OnednnPrimitive& p : stats.primitives) sum += p.runs;
    return sum;
  };
  const int64_t of_one = [&] {
    const int64_t from = runs(onednn_stats());
    product();
    return runs(onednn_stats()) - from;
  }();
  CHECK(of_one >= 1);
  CHECK(runs(after) - runs(before) == 4 * of_one);
}

TEST_CASE("a training run has the same bits for any number of threads, and may change it") {
  const auto train = [](int first, int second) {
    manual_seed(5);
    models::GPT model({.block_size = 32,
                       .vocab_size = 300,
                       .n_layer = 2,
                       .n_head = 4,
                       .n_embd = 64,
                       .dropout = 0.1});
    optim::AdamW opt(model.named_parameters());
    const Tensor ids = randint(0, 300, {8, 32}), targets = randint(0, 300, {8, 32});
    std::vector<Tensor> losses;
    for (int step = 0; step < 6; ++step) {
      set_num_threads(step < 3 ? first : second);
      Tensor loss = cross_entropy(model(ids), targets);
      loss.backward();
      optim::clip_grad_norm_(model.parameters(), 0.5);
      opt.step();
      opt.zero_grad();
      losses.push_back(loss.detach());
    }
    for (Tensor& p : model.parameters()) losses.push_back(p.detach().clone());
    return losses;
  };
  Threads scope(1);
  const std::vector<Tensor> one = train(1, 1);
  for (auto [first, second] : {std::pair{2, 2}, {3, 3}, {4, 4}, {7, 7}, {1, 4}, {7, 2}}) {
    CAPTURE(first, second);
    CHECK(same(one, train(first, second)));
  }
}
