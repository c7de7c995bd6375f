// Tests leaves that many graphs share: frozen and unfrozen, converted, and used by several threads.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Numbers = std::vector<double>;

namespace {

void run_together(int threads, const std::function<void(int)>& f) {
  std::atomic<int> waiting{threads};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      for (--waiting; waiting > 0;) std::this_thread::yield();
      f(t);
    });
  for (std::thread& thread : all) thread.join();
}

// Graphs with a leaf of shape (4, 3), which gets its gradient in different ways.
struct LeafGraph {
  const char* name;
  std::function<Tensor(const Tensor& x)> build;
  double gradient;
};
const LeafGraph kLeafGraphs[] = {
    {"a product", [](const Tensor& x) { return (x * 3.0).sum(); }, 3},
    {"the leaf itself", [](const Tensor& x) { return x.sum(); }, 1},
    {"several uses",
     [](const Tensor& x) {
       return (x * 2.0 + x + x.view({3, 4}).view({4, 3})).sum();
     },
     4},
    {"a slice's accumulator",
     [](const Tensor& x) { return x.slice(0, 0, 2).sum() + x.slice(0, 2, 4).sum(); }, 1},
    {"an embedding's accumulator",
     [](const Tensor& x) {
       return embedding(tensor({0, 1, 2, 3}), x).sum();
     },
     1},
    {"a matrix product",
     [](const Tensor& x) {
       return matmul(x, ones({3, 2}, x.dtype())).sum();
     },
     2},
};

}  // namespace

TEST_CASE("an unfrozen leaf still gets gradients of graphs that were recorded before the freeze") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (const LeafGraph& graph : kLeafGraphs) {
      Tensor x = ones({4, 3}, dtype).requires_grad_(), y = graph.build(x);
      int calls = 0;
      x.register_hook([&](const Tensor&) { return ++calls, Tensor(); });
      x.requires_grad_(false);
      CHECK_FALSE(x.requires_grad());
      CHECK(x.is_leaf());
      CHECK_FALSE((x * 2.0).requires_grad());
      x.requires_grad_();
      CAPTURE(graph.name, dtype);
      CHECK(values(grad(y, {x}, {.retain_graph = true})[0]) == Numbers(12, graph.gradient));
      CHECK(values(grad(y, {x}, {.create_graph = true})[0]) == Numbers(12, graph.gradient));
      (y + graph.build(x)).backward();  // recorded before and after the change
      REQUIRE(values(x.grad()) == Numbers(12, 2 * graph.gradient));
      CHECK(calls == 3);
    }
}

TEST_CASE("a frozen leaf loses its gradient, and gets no new one") {
  Tensor x = leaf({1.0, 2.0}), w = leaf({1.0, 1.0}), y = (x * w).sum();
  x.register_post_accumulate_grad_hook([](Tensor&) { FAIL("a frozen leaf accumulates nothing"); });
  x.set_grad(ones({2}, kFloat64));
  x.requires_grad_(false);
  CHECK_FALSE(x.grad().defined());
  y.backward();
  CHECK(values(w.grad()) == Numbers{1, 2});
  CHECK_FALSE(x.requires_grad_().grad().defined());
}

TEST_CASE("a module can be frozen and unfrozen") {
  nn::Linear m(3, 2);
  Tensor y = m(ones({4, 3})).sum();
  for (Tensor& p : m.parameters()) p.requires_grad_(false);
  m.to(kFloat64).to(kFloat32);
  for (Tensor& p : m.parameters()) p.requires_grad_();
  y.backward();
  CHECK(values(m.weight.grad()) == Numbers(6, 4));
  CHECK(values(m.bias.grad()) == Numbers(2, 4));
}

TEST_CASE("a leaf converted between forward and backward is a GraphError, and nothing is left") {
  struct Holder : nn::Module {
    Tensor x, w;
    Holder(DType dtype)
        : x(ones({4, 3}, dtype).requires_grad_()), w(ones({}, dtype).requires_grad_()) {}
    void members(nn::Visitor& v) override { v("x", x); }
  };
  for (DType from : {kFloat32, kFloat64, kBFloat16})
    for (DType to : {kFloat32, kFloat64, kBFloat16})
      for (const LeafGraph& graph : kLeafGraphs)
        for (bool frozen : {false, true}) {
          if (from == to) continue;
          Holder m(from);
          Tensor y = graph.build(m.x) + m.w;
          if (frozen) m.x.requires_grad_(false);
          m.to(to);
          if (frozen) m.x.requires_grad_();
          CAPTURE(graph.name, from, to, frozen);
          CHECK_THAT(
              message_of<GraphError>([&] { (void)grad(y, {m.x}, {.retain_graph = true}); }),
              Contains(std::string(dtype_name(from))) && Contains(std::string(dtype_name(to))));
          CHECK_THAT(message_of<GraphError>([&] { y.backward(); }),
                     Contains("compute the output again"));
          CHECK_FALSE(m.x.grad().defined());
          CHECK_FALSE(m.w.grad().defined());
        }
}

TEST_CASE("a leaf converted by a hook of the running backward is a GraphError") {
  nn::Linear m(3, 2);
  m.weight.register_hook([&](const Tensor&) { return m.to(kFloat64), Tensor(); });
  Tensor y = m(ones({4, 3})).sum();
  CHECK_THAT(message_of<GraphError>([&] { y.backward(); }), Contains("converted"));
}

TEST_CASE("threads whose graphs share only leaves add all their gradients") {
  constexpr int kThreads = 6, kRounds = 200;
  for (const LeafGraph& graph : kLeafGraphs) {
    Tensor x = ones({4, 3}, kFloat64).requires_grad_();
    std::atomic<int> wrong{0}, calls{0};
    x.register_hook([&](const Tensor& g) {
      wrong += values(g) != Numbers(12, graph.gradient);  // the hook sees one run
      return ++calls, Tensor();
    });
    run_together(kThreads, [&](int thread) {
      for (int round = 0; round < kRounds; ++round) {
        Tensor y = graph.build(x);
        const int form = (thread + round) % 3;
        if (form == 0) y.backward();
        else
          wrong +=
              values(grad(y, {x}, {.create_graph = form == 2})[0]) != Numbers(12, graph.gradient);
      }
    });
    INFO(graph.name);
    CHECK(wrong == 0);
    CHECK(calls == kThreads * kRounds);
    CHECK(values(x.grad()) == Numbers(12, graph.gradient * kThreads * kRounds / 3));
  }
}

TEST_CASE("threads train one model's parameters, also with a backward inside a backward") {
  constexpr int kThreads = 6, kRounds = 40;
  nn::Sequential model(nn::Linear(6, 5), nn::Tanh(), nn::Linear(5, 3));
  model.to(kFloat64);
  std::vector<Tensor> inputs, expected;
  for (int t = 0; t < kThreads; ++t) inputs.push_back(randn({7, 6}, kFloat64));
  for (const Tensor& p : model.parameters()) expected.push_back(zeros(p.shape(), kFloat64));
  for (const Tensor& x : inputs) {
    const std::vector<Tensor> found = grad(model(x).sum(), model.parameters());
    for (size_t i = 0; i < found.size(); ++i) expected[i].add_(found[i] * (2.0 * kRounds));
  }
  std::atomic<int> posts{0};
  for (const Tensor& p : model.parameters())
    p.register_post_accumulate_grad_hook([&](Tensor&) { ++posts; });
  run_together(kThreads, [&](int t) {
    const Tensor x = inputs[static_cast<size_t>(t)];
    for (int round = 0; round < kRounds; ++round) {
      Tensor y = model(x);
      y.register_hook([&](const Tensor&) {
        AutoGradMode on(true);
        model(x).sum().backward();
        return Tensor();
      });
      y.sum().backward();
    }
  });
  const std::vector<Tensor> parameters = model.parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    CHECK(max_difference(parameters[i].grad(), expected[i]) < 1e-9);
  CHECK(posts == 2 * kThreads * kRounds * 4);
}

TEST_CASE("if several threads run one graph, only gradients of successful runs are added") {
  constexpr int kThreads = 4, kRounds = 300;
  Tensor x = ones({8}, kFloat64).requires_grad_(), late, y = x * 1.0;
  for (int i = 0; i < 20; ++i) y = y * 1.0 + x;
  late = ones({8}, kFloat64).requires_grad_();  // newer than most of the graph
  y = (y * late).sum();
  std::atomic<int> succeeded{0}, refused{0};
  run_together(kThreads, [&](int) {
    for (int round = 0; round < kRounds; ++round) {
      const std::string message =
          message_of<GraphError>([&] { y.backward({}, /*retain_graph=*/true); });
      ++(message.empty() ? succeeded : refused);
      if (!message.empty() && message.find("another thread") == std::string::npos) std::abort();
    }
  });
  CAPTURE(succeeded.load(), refused.load());
  CHECK(values(x.grad()) == Numbers(8, 21.0 * succeeded));
  CHECK(values(late.grad()) == Numbers(8, 21.0 * succeeded));
  x.zero_grad();
  y.backward();
  CHECK(values(x.grad()) == Numbers(8, 21));
}

TEST_CASE(
    "a run that fails before its leaves leaves nothing, even in leaves newer than the fault") {
  Tensor x = leaf({1.0, 2.0}), a = x * 1.0;
  a.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("a fault"); });
  Tensor late = leaf({1.0, 1.0}), y = (a * late).sum();
  CHECK_THROWS_AS(y.backward(), std::runtime_error);
  CHECK_FALSE(late.grad().defined());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a run that fails in the hook of one leaf leaves nothing in the others") {
  Tensor x = leaf({1.0, 2.0}), w = leaf({3.0, 4.0});
  for (const bool first : {false, true}) {
    const Tensor& failing = first ? x : w;
    RemovableHandle handle =
        failing.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("a fault"); });
    CHECK_THROWS_AS((x * w).sum().backward(), std::runtime_error);
    handle.remove();
    CHECK_FALSE(x.grad().defined());
    CHECK_FALSE(w.grad().defined());
  }
  (x * w).sum().backward();
  CHECK(values(x.grad()) == Numbers{3, 4});
}
