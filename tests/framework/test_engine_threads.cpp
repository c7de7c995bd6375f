// Tests graphs on several threads, and graphs that outlive main.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

// These graphs are destroyed after main.
Tensor g_before_main = (ones({5000}).requires_grad_() * 2.0).sum();
Tensor g_outlives_main;

// Loss and gradients of a two-layer network.  oneDNN computes its products.
std::vector<Tensor> step(uint64_t seed) {
  Generator generator(seed);
  auto random = [&](const Shape& shape) {
    Tensor x = empty(shape);
    fill_normal(x, 0, 1, generator);
    return x;
  };
  Tensor x = random({96, 128}), w = random({160, 128}), v = random({96, 160});
  w.requires_grad_(), v.requires_grad_();
  Tensor y = linear(linear(x, w, {}, Activation::kTanh), v);
  Tensor loss = (y * y).mean();
  std::vector<Tensor> all = grad(loss, {w, v});
  all.push_back(loss.detach());
  return all;
}

}  // namespace

TEST_CASE("a tensor with a graph may outlive main") {
  CHECK(g_before_main.item() == 10000);
  g_outlives_main = (exp(g_before_main * 1e-4) * ones({2000})).sum();
  g_outlives_main.register_hook([held = g_outlives_main.detach()](const Tensor&) { return held; });
  CHECK(g_outlives_main.requires_grad());
}

TEST_CASE("two threads run different graphs with the same shape of oneDNN's products") {
  constexpr int kRounds = 40;
  const std::vector<Tensor> expected[] = {step(1), step(2)};
  std::atomic<int> wrong{0};
  auto run = [&](size_t which) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Tensor> got = step(which + 1);
      for (size_t i = 0; i < got.size(); ++i)
        wrong += !(max_difference(got[i], expected[which][i]) < 1e-4);
    }
  };
  std::thread one(run, 0), two(run, 1);
  one.join(), two.join();
  CHECK(wrong == 0);
}

TEST_CASE("a graph recorded on one thread runs backward on another") {
  Tensor x = ones({3}).requires_grad_(), y;
  std::thread([&] { y = (exp(x) * 2.0).sum(); }).join();
  std::thread([&] { y.backward(); }).join();
  CHECK(max_difference(x.grad(), exp(x.detach()) * 2.0) < 1e-6);
  Tensor z = (y.detach() * x).sum();  // x can still be used on this thread
  z.backward();
  CHECK(x.grad().defined());
}

TEST_CASE("numbers of nodes made on several threads keep inputs older than outputs") {
  Tensor x = ones({2}, kFloat64).requires_grad_(), y = x * 1.0;
  for (int i = 0; i < 6; ++i) {
    Tensor next;
    std::thread([&] { next = y * 2.0 + x; }).join();
    y = next;
  }
  y.sum().backward();
  CHECK(values(x.grad()) == std::vector<double>{127, 127});
}

TEST_CASE("a second thread's backward through one graph is refused while the first runs") {
  Tensor x = ones({2}).requires_grad_(), a = x * 2.0, b = a * 3.0;
  std::string message;
  Tensor c = a * 5.0;
  int calls = 0;
  b.register_hook([&](const Tensor&) {  // a already has the gradient from c
    if (calls++) return Tensor();
    std::thread([&] {
      message = message_of<GraphError>([&] { (void)grad(c.sum(), {x}, {.retain_graph = true}); });
    }).join();
    return Tensor();
  });
  (b + c).sum().backward({}, /*retain_graph=*/true);
  CHECK_THAT(message, Catch::Contains("another thread"));
  CHECK(values(x.grad()) == std::vector<double>{16, 16});
  x.zero_grad();
  (b + c).sum().backward();
  CHECK(values(x.grad()) == std::vector<double>{16, 16});
}

TEST_CASE("grad mode belongs to its thread") {
  NoGradGuard unrecorded;
  bool there = false;
  std::thread([&] { there = grad_enabled(); }).join();
  CHECK(there);
  CHECK_FALSE(grad_enabled());
}

TEST_CASE("memory moves between threads and is counted") {
  const int64_t before = live_bytes();
  std::vector<Tensor> made;
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) made.push_back(ones({i + 1}));
  }).join();
  CHECK(live_bytes() > before);
  made.clear();
  CHECK(live_bytes() == before);
  for (int i = 0; i < 1000; ++i) made.push_back(ones({i + 1}));
  std::thread([&] { made.clear(); }).join();
  CHECK(live_bytes() == before);
}
