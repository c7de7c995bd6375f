// Tests hooks on modules: forward-pre, forward, full backward.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Numbers = std::vector<double>;

namespace {

// y = 3 x   =>   dx = 3 dy
struct Tripler : nn::Module {
  Tensor forward(const Tensor& x) override { return x * 3.0; }
};
auto keep(std::vector<std::pair<Tensor, Tensor>>& seen) {
  return [&seen](nn::Module&, const Tensor& a, const Tensor& b) {
    seen.emplace_back(a, b);
    return Tensor();
  };
}

}  // namespace

TEST_CASE("a forward-pre hook sees and replaces the input; gradients flow through") {
  Tripler m;
  Tensor x = leaf({1.0, 2.0});
  m.register_forward_pre_hook([&](nn::Module& module, const Tensor& in) {
    CHECK(&module == &m);
    CHECK(in.impl() == x.impl());
    return in * in;
  });
  m.register_forward_pre_hook([](nn::Module&, const Tensor& in) { return in + 1.0; });
  Tensor y = m(x);
  CHECK(values(y) == Numbers{6, 15});
  y.sum().backward();
  CHECK(values(x.grad()) == Numbers{6, 12});
}

TEST_CASE("a forward hook sees input and output, and replaces the output; gradients flow through") {
  Tripler m;
  Tensor x = leaf({1.0, 2.0});
  m.register_forward_hook([&](nn::Module&, const Tensor& in, const Tensor& out) {
    CHECK(values(in) == Numbers{1, 2});
    return out * in;
  });
  m.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& out) {
    CHECK(values(out) == Numbers{3, 12});
    return Tensor();
  });
  Tensor y = m(x);
  CHECK(values(y) == Numbers{3, 12});
  y.sum().backward();
  CHECK(values(x.grad()) == Numbers{6, 12});
}

TEST_CASE("a full backward hook sees the gradients of input and output") {
  Tripler m;
  std::vector<std::pair<Tensor, Tensor>> seen;
  m.register_full_backward_hook(keep(seen));
  Tensor x = leaf({1.0, 2.0});
  (m(x) * 2.0).sum().backward();
  REQUIRE(seen.size() == 1);
  CHECK(values(seen[0].first) == Numbers{6, 6});
  CHECK(values(seen[0].second) == Numbers{2, 2});
  CHECK(values(x.grad()) == Numbers{6, 6});
}

TEST_CASE("a full backward hook replaces the gradient of the input") {
  Tripler m;
  m.register_full_backward_hook(
      [](nn::Module&, const Tensor& dx, const Tensor& dy) { return dx + dy; });
  m.register_full_backward_hook(
      [](nn::Module&, const Tensor& dx, const Tensor&) { return dx * 10.0; });
  Tensor x = leaf({1.0, 2.0});
  m(x).sum().backward();
  CHECK(values(x.grad()) == Numbers{40, 40});
}

TEST_CASE(
    "a module that runs twice has its hook called for each call, with that call's gradients") {
  Tripler m;
  std::vector<std::pair<Tensor, Tensor>> seen;
  m.register_full_backward_hook(keep(seen));
  Tensor x = leaf({1.0, 2.0});
  m(m(x) * 5.0).sum().backward();
  REQUIRE(seen.size() == 2);
  CHECK(values(seen[0].first) == Numbers{3, 3});
  CHECK(values(seen[0].second) == Numbers{1, 1});
  CHECK(values(seen[1].first) == Numbers{45, 45});
  CHECK(values(seen[1].second) == Numbers{15, 15});
  CHECK(values(x.grad()) == Numbers{45, 45});
}

TEST_CASE("a full backward hook fires for an input that needs no gradient") {
  nn::Embedding embed(5, 3);
  nn::Linear plain(4, 2);
  std::vector<std::pair<Tensor, Tensor>> ids, features;
  embed.register_full_backward_hook(keep(ids));
  plain.register_full_backward_hook(keep(features));
  (embed(tensor({0, 3, 3})) * 2.0).sum().backward();
  plain(randn({3, 4})).sum().backward();
  REQUIRE(ids.size() == 1);
  CHECK_FALSE(ids[0].first.defined());
  CHECK(values(ids[0].second) == Numbers(9, 2));
  REQUIRE(features.size() == 1);
  CHECK_FALSE(features[0].first.defined());
  CHECK(values(embed.weight.grad().select(0, 3)) == Numbers{4, 4, 4});
}

TEST_CASE("a full backward hook is differentiable under create_graph") {
  Tripler m;
  RemovableHandle handle = m.register_full_backward_hook(
      [](nn::Module&, const Tensor& dx, const Tensor& dy) { return dx * dy; });
  Tensor x = leaf({1.0, 2.0}), y = m(x);
  Tensor dx =
      grad((y * y).sum(), {x}, {.create_graph = true})[0];  // dy = 6 x, dx = 3 dy^2 = 108 x^2
  CHECK(values(dx) == Numbers{108, 432});
  handle.remove();  // the second derivative passes through the call too
  CHECK(values(grad(dx.sum(), {x})[0]) == Numbers{216, 432});
}

TEST_CASE("all hooks together: backward hooks see the gradients of the replaced values") {
  Tripler m;
  m.register_forward_pre_hook([](nn::Module&, const Tensor& x) { return x * 2.0; });
  m.register_forward_hook([](nn::Module&, const Tensor&, const Tensor& y) { return y * 5.0; });
  std::vector<std::pair<Tensor, Tensor>> seen;
  m.register_full_backward_hook(keep(seen));
  Tensor x = leaf({1.0, 2.0});
  Tensor y = m(x);
  CHECK(values(y) == Numbers{30, 60});
  y.sum().backward();
  REQUIRE(seen.size() == 1);
  CHECK(values(seen[0].second) == Numbers{1, 1});   // gradient of the output that the caller got
  CHECK(values(seen[0].first) == Numbers{15, 15});  // gradient of the input that forward got
  CHECK(values(x.grad()) == Numbers{30, 30});
}

TEST_CASE("the backward hook sees the output gradient even if a forward hook detached the graph") {
  Tripler m;
  Tensor other = leaf({7.0, 8.0}), x = leaf({1.0, 2.0});
  m.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { return other * 1.0; });
  m(x).sum().backward();
  CHECK_FALSE(x.grad().defined());
  CHECK(values(other.grad()) == Numbers{1, 1});
}

TEST_CASE("hooks run under no-grad, and an identity may be hooked") {
  nn::HookPoint point;
  int forward = 0, backward = 0;
  point.register_forward_hook(
      [&](nn::Module&, const Tensor&, const Tensor&) { return ++forward, Tensor(); });
  point.register_full_backward_hook([&](nn::Module&, const Tensor& dx, const Tensor& dy) {
    CHECK(same_bits(dx, dy));
    return ++backward, Tensor();
  });
  Tensor x = leaf({1.0, 2.0});
  {
    NoGradGuard unrecorded;
    CHECK_FALSE(point(x).requires_grad());
  }
  point(x).sum().backward();
  CHECK(forward == 2);
  CHECK(backward == 1);
  CHECK(values(x.grad()) == Numbers{1, 1});
}

TEST_CASE("handles remove module hooks, also while they run; scopes remove theirs") {
  Tripler m;
  Tensor x = tensor({1.0, 2.0}, kFloat64);
  std::string order;
  RemovableHandle first, second;
  first = m.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) {
    order += 'a';
    first.remove(), second.remove();
    return Tensor();
  });
  second = m.register_forward_hook(
      [&](nn::Module&, const Tensor&, const Tensor&) { return order += 'b', Tensor(); });
  CHECK(m.is_hooked());
  m(x), m(x);
  CHECK(order == "a");
  CHECK_FALSE(m.is_hooked());
  {
    nn::ScopedHook scoped(m.register_forward_pre_hook(
        [&](nn::Module&, const Tensor&) { return order += 'c', Tensor(); }));
    CHECK(m.is_hooked());
    m(x);
  }
  m(x);
  CHECK(order == "ac");
  CHECK_FALSE(m.is_hooked());
}

TEST_CASE("moving a module keeps its hooks and handles, and hooks get the new module") {
  auto linear = std::make_unique<nn::Linear>(2, 2);
  nn::Module* seen = nullptr;
  RemovableHandle handle =
      linear->register_forward_hook([&](nn::Module& m, const Tensor&, const Tensor&) {
        seen = &m;
        return Tensor();
      });
  nn::Linear moved(std::move(*linear));
  linear.reset();
  Tensor x = randn({1, 2});
  moved(x);
  CHECK(seen == &moved);
  nn::Linear assigned(2, 2);
  assigned = std::move(moved);
  assigned(x);
  CHECK(seen == &assigned);
  handle.remove();
  CHECK_FALSE(assigned.is_hooked());
}

TEST_CASE("a backward hook of a destroyed module is not called") {
  int calls = 0;
  Tensor x = leaf({1.0, 2.0}), y;
  {
    Tripler m;
    m.register_full_backward_hook(
        [&](nn::Module&, const Tensor&, const Tensor&) { return ++calls, Tensor(); });
    y = m(x).sum();
  }
  y.backward();
  CHECK(calls == 0);
  CHECK(values(x.grad()) == Numbers{3, 3});
}

TEST_CASE("an exception in a hook reaches the caller with the module's path") {
  nn::Sequential model(nn::Linear(2, 3), nn::Tanh());
  RemovableHandle own = model.find("1").register_forward_hook(
      [](nn::Module&, const Tensor&, const Tensor&) -> Tensor {
        fail<ValueError>("hook: enough");
      });
  CHECK(message_of<ValueError>([&] {
          model(randn({1, 2}));
        }) == "hook: enough\n  in 1: Tanh\n  in Sequential");
  own.remove();
  model.find("1").register_full_backward_hook(
      [](nn::Module&, const Tensor&, const Tensor&) -> Tensor {
        throw std::runtime_error("plain");
      });
  CHECK_THROWS_AS(model(randn({1, 2})).sum().backward(), std::runtime_error);
}

TEST_CASE("hooks of inner modules run between the hooks of the outer module") {
  nn::Sequential model{nn::ReLU(), nn::Tanh()};
  std::string order;
  for (nn::Module* m : model.modules()) {
    std::string name = m->describe().substr(0, 1);
    m->register_forward_pre_hook(
        [&order, name](nn::Module&, const Tensor&) { return order += '<' + name, Tensor(); });
    m->register_forward_hook([&order, name](nn::Module&, const Tensor&, const Tensor&) {
      return order += name + '>', Tensor();
    });
  }
  model(randn({2, 2}));
  CHECK(order == "<S<RR><TT>S>");
}

TEST_CASE("module hooks that return nothing leave the value as it is") {
  Tripler m;
  std::string order;
  m.register_forward_pre_hook([&](nn::Module&, const Tensor&) { order += 'p'; });
  m.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { order += 'f'; });
  m.register_full_backward_hook([&](nn::Module& module, const Tensor& dx, const Tensor& dy) {
    CHECK(&module == &m);
    CHECK((values(dx) == Numbers{3, 3} && values(dy) == Numbers{1, 1}));
    order += 'b';
  });
  Tensor x = leaf({1.0, 2.0});
  for (int i = 0; i < 2; ++i) m(x).sum().backward();
  CHECK(order == "pfbpfb");
  CHECK(values(x.grad()) == Numbers{6, 6});
}
