// Tests backward inside a hook, and inside another backward.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Numbers = std::vector<double>;

namespace {

// y = x^2.  Its backward runs a backward of another graph, which also reaches the leaf `also`.
struct Nested final : Op<Nested> {
  static constexpr std::string_view kName = "test_nested";
  Tensor value, also;
  TensorList backward(const Tensor& dy) override {
    AutoGradMode on(true);
    Tensor x = value.detach();
    x.requires_grad_();
    ((x * x).sum() + (also * 5.0).sum()).backward();
    NoGradGuard off;
    return {dy * x.grad()};
  }
};

}  // namespace

TEST_CASE("a backward may run another, and both may reach one leaf") {
  Tensor x = leaf({2.0, 3.0}), y = x.detach() * x.detach();
  {
    auto* node = record<Nested>(y, x);
    node->value = x.detach();
    node->also = x;
  }
  (y * 10.0 + x).sum().backward();
  CHECK(values(x.grad()) == Numbers{40 + 1 + 5, 60 + 1 + 5});
  CHECK(grad_enabled());
}

TEST_CASE("a hook may run a backward that reaches the same leaf") {
  Tensor x = leaf({2.0, 3.0}), other = leaf({1.0, 1.0}), y = x * x;
  y.register_hook([&](const Tensor&) {
    AutoGradMode on(true);
    (x * other * 7.0).sum().backward();
    return Tensor();
  });
  (y + x).sum().backward();
  CHECK(values(x.grad()) == Numbers{4 + 1 + 7, 6 + 1 + 7});
  CHECK(values(other.grad()) == Numbers{14, 21});
}

TEST_CASE("a nested run does not touch the gradients of the outer run in the same nodes") {
  Tensor x = leaf({2.0, 3.0}), a = x * x, b = a * 2.0, c = a * 5.0;
  Numbers inner;
  b.register_hook([&](const Tensor&) {  // c is newer than b, so a already has c's gradient
    AutoGradMode on(true);
    inner = values(grad((a * 3.0).sum(), {x}, {.retain_graph = true})[0]);
    return Tensor();
  });
  (b + c).sum().backward();
  CHECK(inner == Numbers{12, 18});
  CHECK(values(x.grad()) == Numbers{28, 42});
}

TEST_CASE("a nested run through nodes that have gradients of the outer run may fail") {
  Tensor x = leaf({2.0, 3.0}), a = x * x, b = a * 2.0, c = a * 5.0;
  b.register_hook([&](const Tensor&) {
    AutoGradMode on(true);
    RemovableHandle fault =
        a.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("inner"); });
    CHECK_THROWS_AS(grad((a * 3.0).sum(), {x}, {.retain_graph = true}), std::runtime_error);
    fault.remove();
    return Tensor();
  });
  (b + c).sum().backward();
  CHECK(values(x.grad()) == Numbers{28, 42});
}

TEST_CASE("a hook may differentiate the running graph again, from its root") {
  Tensor x = leaf({2.0, 3.0}), y = x * x, z = (y * y).sum();
  int depth = 0;
  Numbers inner;
  y.register_hook([&](const Tensor&) {
    if (depth++ == 0) inner = values(grad(z, {x}, {.retain_graph = true})[0]);
    return Tensor();
  });
  z.backward({}, /*retain_graph=*/true);
  CHECK(inner == Numbers{32, 108});
  CHECK(values(x.grad()) == Numbers{32, 108});
  CHECK(depth == 2);
}

TEST_CASE("ten backward runs may be nested") {
  Tensor x = leaf(1.0);
  std::function<void(int)> run = [&](int depth) {
    AutoGradMode on(true);
    Tensor y = x * 1.0;
    y.register_hook([&, depth](const Tensor&) {
      if (depth > 1) run(depth - 1);
      return Tensor();
    });
    y.backward();
  };
  run(10);
  CHECK(x.grad().item() == 10);
}
