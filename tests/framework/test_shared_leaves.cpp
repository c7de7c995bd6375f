// Tests threads that share leaves and generators.  They use only the framework, so that the thread
// sanitizer can check them (tests/fuzz/CMakeLists.txt).
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "framework/autograd/engine.h"
#include "framework/tensor/random.h"

using namespace vitro;

namespace {

constexpr int kSharing = 6, kSharedRounds = 150;

void at_once(const std::function<void(int)>& f) {
  std::atomic<int> waiting{kSharing};
  std::vector<std::thread> all;
  for (int t = 0; t < kSharing; ++t)
    all.emplace_back([&, t] {
      for (--waiting; waiting > 0;) std::this_thread::yield();
      f(t);
    });
  for (std::thread& thread : all) thread.join();
}

// y = a   =>   da = dy, added to accumulator(0)
struct WaitsThere final : Op<WaitsThere> {
  static constexpr std::string_view kName = "test_waits";
  TensorList backward(const Tensor& dy) override {
    if (grad_enabled()) return {dy};
    add_into(accumulator(0), dy);
    return {Tensor()};
  }
};
Tensor waits_there(const Tensor& a) {
  Tensor y = a.detach();
  record<WaitsThere>(y, a);
  return y;
}

// Whether every element of x, float64 and contiguous, is `value`.
bool is_filled(const Tensor& x, double value) {
  const double* p = x.data<double>();
  return std::all_of(p, p + x.numel(), [=](double v) { return v == value; });
}

}  // namespace

TEST_CASE("shared leaves: threads add their gradients, and grad() gives each its own") {
  for (int64_t n : {4, 100'000}) {  // the pool's threads add the larger one
    Tensor x = ones({n}, kFloat64).requires_grad_(), w = ones({n}, kFloat64).requires_grad_();
    std::atomic<int> wrong{0}, calls{0}, posts{0};
    x.register_hook([&](const Tensor& g) {
      wrong += !is_filled(g, 3);
      return ++calls, Tensor();
    });
    w.register_post_accumulate_grad_hook([&](Tensor&) { ++posts; });
    const int rounds = n > 4 ? 6 : kSharedRounds;
    at_once([&](int thread) {
      for (int round = 0; round < rounds; ++round) {
        Tensor y = sum_to(add(add(x, waits_there(x)), add(w, waits_there(x))), {});
        const int form = (thread + round) % 3;
        if (form == 0) y.backward();
        else wrong += !is_filled(grad(y, {x}, {.create_graph = form == 2})[0], 3);
      }
    });
    CHECK(wrong == 0);
    CHECK(calls == kSharing * rounds);
    CHECK(posts == kSharing * rounds / 3);
    CHECK(is_filled(x.grad(), kSharing * rounds));
    CHECK(is_filled(w.grad(), kSharing * rounds / 3));
  }
}

TEST_CASE("shared leaves: several threads run a backward inside a backward") {
  Tensor x = ones({4}, kFloat64).requires_grad_();
  at_once([&](int) {
    for (int round = 0; round < kSharedRounds; ++round) {
      Tensor y = add(x, x);
      y.register_hook([&](const Tensor& dy) {
        AutoGradMode on(true);
        add(x, add(x, waits_there(x))).backward(dy.detach());
        return Tensor();
      });
      add(y, x).backward(ones({4}, kFloat64));
    }
  });
  CHECK(is_filled(x.grad(), 6 * kSharing * kSharedRounds));
}

TEST_CASE("shared leaves: one graph in several threads is refused and leaves no gradient") {
  Tensor x = ones({4}, kFloat64).requires_grad_(), y = add(x, x);
  for (int i = 0; i < 10; ++i) y = add(y, x);
  Tensor late = ones({4}, kFloat64).requires_grad_();  // newer than most of the graph
  y = add(y, late);
  std::atomic<int> succeeded{0};
  at_once([&](int) {
    for (int round = 0; round < kSharedRounds; ++round) try {
        y.backward(ones({4}, kFloat64), /*retain_graph=*/true);
        ++succeeded;
      } catch (const GraphError&) {}
  });
  y.backward(ones({4}, kFloat64));
  CHECK(is_filled(x.grad(), 12 * (succeeded + 1)));
  CHECK(is_filled(late.grad(), succeeded + 1));
}

TEST_CASE("shared generators: draws, seeds and positions in several threads") {
  KeepGenerator keep;
  Generator shared(3);
  at_once([&](int thread) {
    for (int round = 0; round < kSharedRounds; ++round) {
      (void)rand({3}, kFloat64, shared);
      (void)randn({3});
      (void)default_generator().position();
      if (thread == 0) manual_seed(static_cast<uint64_t>(round));
      KeepGenerator inside;
      (void)randint(0, 9, {3});
    }
  });
  CHECK(shared.position() == kSharing * kSharedRounds * 2);
}
