// Tests hooks on tensors: the gradients that they see and replace, and when they are removed.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Numbers = std::vector<double>;

TEST_CASE("a hook sees the whole gradient of its tensor, once") {
  Tensor x = leaf({1.0, 2.0}), y = x * 1.0;
  std::vector<Numbers> seen;
  y.register_hook([&](const Tensor& dy) {
    seen.push_back(values(dy));
    CHECK_FALSE(dy.requires_grad());
    return Tensor();
  });
  (y * 2.0 + y * 3.0).sum().backward();
  CHECK(seen == std::vector<Numbers>{{5, 5}});
  CHECK(values(x.grad()) == Numbers{5, 5});
}

TEST_CASE("hooks run in order of registration, each on the result of the one before") {
  Tensor x = leaf({1.0, 2.0}), y = x * 1.0;
  std::string order;
  y.register_hook([&](const Tensor& dy) { return order += 'a', dy + 1.0; });
  y.register_hook([&](const Tensor&) { return order += 'b', Tensor(); });
  y.register_hook([&](const Tensor& dy) { return order += 'c', dy * 10.0; });
  y.sum().backward();
  CHECK(order == "abc");
  CHECK(values(x.grad()) == Numbers{20, 20});
}

TEST_CASE("a hook that returns nothing leaves the gradient as it is") {
  Tensor x = leaf({1.0, 2.0}), y = x * 3.0;
  std::vector<Numbers> seen;
  std::function<void(const Tensor&)> look = [&](const Tensor& g) { seen.push_back(values(g)); };
  y.register_hook(look);
  y.register_hook([](const Tensor& dy) { return dy * 2.0; });
  RemovableHandle handle = x.register_hook([&](Tensor g) { look(g); });
  y.sum().backward();
  handle.remove();
  y = x * 1.0;
  y.sum().backward();
  CHECK(seen == std::vector<Numbers>{{1, 1}, {6, 6}});
  CHECK(values(x.grad()) == Numbers{7, 7});
}

TEST_CASE("a hook keeps changes to its captured variables") {
  Tensor x = leaf({1.0, 2.0});
  std::vector<int> runs;
  x.register_hook([&runs, n = 0](const Tensor&) mutable { runs.push_back(++n); });
  for (int i = 0; i < 3; ++i) (x * 1.0).sum().backward();
  CHECK(runs == std::vector<int>{1, 2, 3});
}

TEST_CASE("a hook on a leaf changes the accumulated gradient, and stays until it is removed") {
  Tensor x = leaf({1.0, 2.0});
  int calls = 0;
  RemovableHandle handle = x.register_hook([&](const Tensor& dx) { return ++calls, dx * 2.0; });
  (x * 3.0 + x).sum().backward();
  CHECK(values(x.grad()) == Numbers{8, 8});
  (x * 1.0).sum().backward();
  CHECK(values(x.grad()) == Numbers{10, 10});
  CHECK(values(grad((x * 3.0).sum(), {x})[0]) == Numbers{6, 6});
  CHECK(calls == 3);
  handle.remove();
  handle.remove();
  (x * 1.0).sum().backward();
  CHECK(values(x.grad()) == Numbers{11, 11});
  CHECK(calls == 3);
}

TEST_CASE("dropping a handle keeps its hook; a handle may outlive its tensor") {
  Tensor x = leaf({1.0, 2.0});
  int calls = 0;
  {
    RemovableHandle dropped = x.register_hook([&](const Tensor&) { return ++calls, Tensor(); });
  }
  x.sum().backward();
  CHECK(calls == 1);
  RemovableHandle handle = (x * 2.0).register_hook([](const Tensor&) { return Tensor(); });
  handle.remove();
  RemovableHandle().remove();
}

TEST_CASE("a hook on an interior tensor stays while its graph is retained") {
  Tensor x = leaf({1.0, 2.0}), y = x * 1.0, z = y.sum();
  auto token = std::make_shared<int>(0);
  y.register_hook([token](const Tensor&) { return ++*token, Tensor(); });
  z.backward({}, /*retain_graph=*/true);
  CHECK(token.use_count() == 2);
  z.backward();
  CHECK(*token == 2);
  CHECK(token.use_count() == 1);
}

TEST_CASE("a hook may remove itself, its neighbours, and add others") {
  Tensor x = leaf({1.0, 2.0});
  std::string order;
  RemovableHandle first, second, third;
  first = x.register_hook([&](const Tensor&) {
    order += 'a';
    first.remove(), second.remove();
    x.register_hook([&](const Tensor&) { return order += 'd', Tensor(); });
    return Tensor();
  });
  second = x.register_hook([&](const Tensor&) { return order += 'b', Tensor(); });
  third = x.register_hook([&](const Tensor&) { return order += 'c', Tensor(); });
  x.sum().backward();
  CHECK(order == "ac");
  x.sum().backward();
  CHECK(order == "accd");
}

TEST_CASE("hooks run for grad too, and are differentiable under create_graph") {
  Tensor x = leaf({2.0, 3.0}), y = x * x;
  RemovableHandle handle = y.register_hook([](const Tensor& dy) { return dy * dy; });
  Tensor dx = grad((y * y).sum(), {x}, {.create_graph = true})[0];  // (2 x^2)^2 2 x = 8 x^5
  CHECK(values(dx) == Numbers{8 * 32, 8 * 243});
  handle.remove();  // the second derivative passes through y too
  CHECK(values(grad(dx.sum(), {x})[0]) == Numbers{40 * 16, 40 * 81});
}

TEST_CASE("a hook's replacement may be a view of something else") {
  Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}}), w = leaf({{1.0, 2.0}, {3.0, 4.0}});
  x.register_hook([&](const Tensor&) { return w.detach().t(); });
  (x * 2.0).sum().backward();
  CHECK(values(x.grad()) == Numbers{1, 3, 2, 4});
  NoGradGuard unrecorded;
  x.grad().fill_(0);  // x.grad() must not share w's storage
  CHECK(values(w) == Numbers{1, 2, 3, 4});
}

TEST_CASE("a post-accumulate hook sees the leaf with its gradient, after tensor hooks") {
  Tensor x = leaf({1.0, 2.0});
  std::vector<Numbers> seen;
  x.register_hook([](const Tensor& dx) { return dx * 2.0; });
  RemovableHandle handle = x.register_post_accumulate_grad_hook([&](Tensor& parameter) {
    CHECK(parameter.impl() == x.impl());
    seen.push_back(values(parameter.grad()));
    parameter.zero_grad();
  });
  (x * 3.0 + x * 4.0).sum().backward();
  (x * 1.0).sum().backward();
  CHECK(seen == std::vector<Numbers>{{14, 14}, {2, 2}});
  CHECK_FALSE(x.grad().defined());
  (void)grad((x * 3.0).sum(), {x});
  CHECK(seen.size() == 2);  // nothing was accumulated
  handle.remove();
  x.sum().backward();
  CHECK(values(x.grad()) == Numbers{2, 2});
}

TEST_CASE("a post-accumulate hook may step the parameter and release the gradient") {
  Tensor x = leaf({1.0, 2.0});
  x.register_post_accumulate_grad_hook([](Tensor& p) {
    p.sub_(p.grad() * 0.5);
    p.zero_grad();
  });
  (x * x).sum().backward();
  CHECK(values(x) == Numbers{0, 0});
}

TEST_CASE("a post-accumulate hook does not run for a destroyed leaf or one that left the graph") {
  int calls = 0;
  auto graph = [&](bool leave) {
    Tensor x = leaf({1.0, 2.0});
    x.register_post_accumulate_grad_hook([&](Tensor&) { ++calls; });
    Tensor y = (x * 2.0).sum();
    if (leave) x.requires_grad_(false);
    return y;
  };
  graph(false).backward();
  Tensor y = graph(true);
  std::vector<Tensor> reused(64, Tensor());  // reuses the memory of the dead tensor
  for (Tensor& t : reused) t = leaf({5.0, 6.0});
  y.backward();
  CHECK(calls == 0);
}
