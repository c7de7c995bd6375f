// Tests that the engine works, and frees all memory, after an exception in any backward or hook.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr int kLength = 200;
struct Fault : std::exception {};
int g_throw_at = -1;  // the node whose backward or hook throws

// y = a / 2 + b   =>   da = dy / 2,  db = dy
struct Blend final : Op<Blend> {
  static constexpr std::string_view kName = "test_blend";
  int index = 0;
  TensorList backward(const Tensor& dy) override {
    if (index == g_throw_at) throw Fault();
    return {dy * 0.5, dy};
  }
};

// 200 nodes with one input and four weights.  During backward, several nodes always have gradients
// that are not yet used.
struct Graph {
  Tensor x = ones({8}, kFloat64), y;
  std::vector<Tensor> weights;
  explicit Graph(bool hooked) {
    x.requires_grad_();
    for (int i = 0; i < 4; ++i) weights.push_back(ones({8}, kFloat64).requires_grad_());
    y = x;
    for (int i = 0; i < kLength; ++i) {
      const Tensor& w = weights[static_cast<size_t>(i) % 4];
      Tensor next = y.detach() * 0.5 + w.detach();
      auto* node = record<Blend>(next, y, w);
      node->index = hooked ? -2 : i;
      y = next;
      if (!hooked) continue;
      y.register_hook([i](const Tensor&) {
        if (i == g_throw_at) throw Fault();
        return Tensor();
      });
    }
  }
  void zero_grad() {
    x.zero_grad();
    for (Tensor& w : weights) w.zero_grad();
  }
  bool is_right() const {
    bool right = values(x.grad())[0] == std::ldexp(1, -kLength);
    for (int i = 0; i < 4; ++i) {
      double sum = 0;  // w_i is added at nodes i, i + 4, ..., and halved by each later node
      for (int at = i; at < kLength; at += 4) sum += std::ldexp(1, at - (kLength - 1));
      right &= std::abs(values(weights[static_cast<size_t>(i)].grad())[0] - sum) < 1e-12;
    }
    return right;
  }
};

bool throws(const std::function<void()>& f) {
  try {
    f();
  } catch (const Fault&) { return true; }
  return false;
}

}  // namespace

TEST_CASE("a throw at any of 200 nodes leaks nothing, and the next backward is right") {
  const bool hooked = GENERATE(false, true);
  const Tensor dy = ones({8}, kFloat64);
  for (int k = 0; k < kLength; ++k) {
    const int64_t before = live_bytes();
    {
      Graph graph(hooked);
      g_throw_at = k;
      bool thrown = throws([&] { graph.y.backward(dy, /*retain_graph=*/true); });
      g_throw_at = -1;
      graph.zero_grad();
      const int64_t idle = live_bytes();
      bool again = (graph.y.backward(dy, true), graph.is_right());
      graph.zero_grad();
      CAPTURE(k, hooked);
      REQUIRE(thrown);
      REQUIRE(again);
      REQUIRE(live_bytes() == idle);  // no gradient is left in a node

      g_throw_at = k;
      thrown = throws([&] { graph.y.backward(dy); });
      g_throw_at = -1;
      REQUIRE(thrown);
    }
    REQUIRE(live_bytes() == before);
  }
  Graph graph(hooked);
  graph.y.backward(dy);
  CHECK(graph.is_right());
}

TEST_CASE("a throw inside grad leaks nothing either, with and without create_graph") {
  const bool create_graph = GENERATE(false, true);
  const Tensor dy = ones({8}, kFloat64);
  for (int k = 0; k < kLength; k += 7) {
    const int64_t before = live_bytes();
    {
      Graph graph(/*hooked=*/false);
      auto run = [&] {
        return grad(graph.y, {graph.x, graph.weights[1]},
                    {.grad_outputs = {dy}, .retain_graph = true, .create_graph = create_graph});
      };
      g_throw_at = k;
      REQUIRE(throws([&] { run(); }));
      g_throw_at = -1;
      REQUIRE(grad_enabled());
      REQUIRE(values(run()[0])[0] == std::ldexp(1, -kLength));
    }
    REQUIRE(live_bytes() == before);
  }
}

TEST_CASE("a throw inside a backward that a hook started unwinds both") {
  const Tensor dy = ones({8}, kFloat64);
  const int64_t before = live_bytes();
  {
    Graph inner(/*hooked=*/false);
    Tensor x = ones({8}, kFloat64).requires_grad_(), y = x * 3.0;
    RemovableHandle handle = y.register_hook([&](const Tensor&) {
      inner.y.backward(dy, /*retain_graph=*/true);
      return Tensor();
    });
    g_throw_at = 100;
    CHECK(throws([&] { y.backward(dy, /*retain_graph=*/true); }));
    g_throw_at = -1;
    inner.zero_grad();
    y.backward(dy, /*retain_graph=*/true);
    CHECK(values(x.grad())[0] == 3);
    CHECK(inner.is_right());
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("after a throw in a post-accumulate hook, the gradient stays and the engine works") {
  Tensor x = ones({2}, kFloat64).requires_grad_();
  RemovableHandle handle = x.register_post_accumulate_grad_hook([](Tensor&) { throw Fault(); });
  CHECK(throws([&] { (x * 2.0).sum().backward(); }));
  handle.remove();
  (x * 2.0).sum().backward();
  CHECK(values(x.grad()) == std::vector<double>{4, 4});
}

TEST_CASE("an error in a module's forward restores the current module and the grad mode") {
  nn::Sequential model(nn::Linear(4, 8), nn::Linear(7, 2));
  CHECK_THROWS_AS(model(randn({3, 4})), ShapeError);
  nn::Linear other(4, 2);
  Tensor y = other(randn({3, 4}));
  CHECK(interned(y.grad_fn()->path).empty());
  Tensor z = y * 2.0;
  CHECK(interned(z.grad_fn()->path).empty());
}
