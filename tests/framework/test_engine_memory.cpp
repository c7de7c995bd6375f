// Tests that deep graphs use the heap instead of the stack, and that graphs free all their memory.
#include <pthread.h>

#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr int kNodes = 1'000'000;

// Runs f on a thread with a stack of 128 KiB, which recursion over a graph would overflow.
void on_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, size_t{128} << 10) == 0);
  pthread_t thread;
  auto call = [](void* g) -> void* {
    (*static_cast<std::function<void()>*>(g))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, call, &f) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
}

Tensor chain(Tensor y) {
  const Tensor zero = zeros({});
  for (int i = 0; i < kNodes; ++i) y = y + zero;
  return y;
}
Tensor ladder(Tensor y) {
  const Tensor half = full({}, 0.5);
  for (int i = 0; i < kNodes / 2; ++i) y = (y + y) * half;
  return y;
}
Tensor fan(const Tensor& x) {
  const Tensor zero = zeros({1});
  std::vector<Tensor> parts;
  for (int i = 0; i < kNodes; ++i) parts.push_back(x + zero);
  return cat(parts).sum();
}

struct LongGraph {
  const char* name;
  std::function<Tensor(const Tensor&)> build;
  double gradient;
};

}  // namespace

TEST_CASE("a million nodes run backward and are destroyed on a stack of 128 KiB", "[slow]") {
  const int64_t before = live_bytes();
  const LongGraph each = GENERATE(LongGraph{"chain", chain, 1}, LongGraph{"ladder", ladder, 1},
                                  LongGraph{"fan", fan, kNodes});
  INFO(each.name);
  double gradient = 0, unrun = 0;
  on_small_stack([&] {
    Tensor x = ones({1}).requires_grad_();
    each.build(x).backward();  // backward releases the graph
    gradient = x.grad().item();
    x.zero_grad();
    {
      Tensor kept = each.build(x);  // destroyed without a backward
      unrun = kept.item();
    }
  });
  CHECK(gradient == each.gradient);
  CHECK(unrun == each.gradient);
  CHECK(live_bytes() == before);
}

TEST_CASE("a million tensors linked by hooks are destroyed without recursion", "[slow]") {
  const int64_t before = live_bytes();
  on_small_stack([] {
    Tensor held = ones({}).requires_grad_();
    for (int i = 0; i < kNodes / 4; ++i) {
      Tensor next = ones({}).requires_grad_();
      next.register_hook([held](const Tensor&) { return held.detach(); });
      held = next;
    }
  });
  CHECK(live_bytes() == before);
}

TEST_CASE("a hook that holds its own interior tensor is freed with the graph") {
  const int64_t before = live_bytes();
  {
    Tensor x = ones({3}).requires_grad_(), y = x * 2.0;
    y.register_hook([y](const Tensor& dy) { return dy * y.detach(); });
    y.retain_grad();
    y.sum().backward();
    CHECK(values(x.grad()) == std::vector<double>{4, 4, 4});
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("gradients of gradients free all their memory") {
  const int64_t before = live_bytes();
  {
    Tensor x = ones({3}).requires_grad_();
    Tensor dx = grad((exp(x) * x).sum(), {x}, {.create_graph = true})[0];
    dx.register_hook([](const Tensor& g) { return g * 2.0; });
    Tensor ddx = grad(dx.sum(), {x}, {.create_graph = true})[0];
    (ddx * ddx).sum().backward();
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a module with hooks that hold its activations frees all its memory") {
  const int64_t before = live_bytes();
  {
    nn::Sequential model(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 2));
    std::vector<Tensor> seen;
    for (nn::Module* m : model.modules()) {
      m->register_forward_hook([&](nn::Module&, const Tensor& x, const Tensor& y) {
        seen.push_back(x), seen.push_back(y);
        return Tensor();
      });
      m->register_full_backward_hook([&](nn::Module&, const Tensor& dx, const Tensor& dy) {
        seen.push_back(dx), seen.push_back(dy);
        return Tensor();
      });
    }
    Tensor x = randn({3, 4}).requires_grad_();
    model(x).sum().backward();
    CHECK(seen.size() == 16);
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a released graph frees its saved tensors") {
  Tensor x = ones({1 << 16}).requires_grad_(), y;
  const int64_t before = live_bytes();
  y = exp(exp(exp(x))).sum();
  const int64_t recorded = live_bytes() - before;
  CHECK(recorded > 2 * (4 << 16));
  y.backward();
  x.zero_grad();
  CHECK(live_bytes() - before < recorded / 10);
}

TEST_CASE("saved indices of chosen elements are freed with the graph") {
  Tensor x = rand({1 << 14, 4}).requires_grad_(), y = topk(x, 3).values.sum();
  const int64_t before = live_bytes();
  y.backward();
  x.zero_grad();
  CHECK(live_bytes() < before - 3 * 8 * (1 << 14) / 2);
}
