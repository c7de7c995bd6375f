// Tests that each misuse of a graph throws its own error type, with a remedy in the message.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

// An op with a backward that returns the gradients that the test chooses.
struct Returns final : Op<Returns> {
  static constexpr std::string_view kName = "test_returns";
  std::function<TensorList()> gradients;
  TensorList backward(const Tensor&) override { return gradients(); }
};
Tensor returning(const Tensor& x, std::function<TensorList()> gradients) {
  Tensor y = x.detach().clone();
  record<Returns>(y, x)->gradients = std::move(gradients);
  return y;
}

// An op with a backward that calls `ask`, a function of the test, and returns no gradients.
struct Asks final : Op<Asks> {
  static constexpr std::string_view kName = "test_asks";
  std::function<void(Node&)> ask;
  TensorList backward(const Tensor&) override { return ask(*this), TensorList(Tensor(), Tensor()); }
};

}  // namespace

TEST_CASE("backward on a tensor that is not a scalar needs a gradient") {
  Tensor x = leaf({1.0, 2.0}), y = x * 2.0;
  CHECK_THAT(message_of<GraphError>([&] { y.backward(); }), Contains("(2,)") && Contains("scalar"));
  CHECK_NOTHROW(y.backward(ones({2}, kFloat64)));
  CHECK_NOTHROW(leaf({1.0}).backward());  // a tensor of one element counts as a scalar
}

TEST_CASE("a gradient must have the dtype and shape of its output") {
  Tensor x = leaf({1.0, 2.0}), y = x * 2.0;
  CHECK_THAT(message_of<GraphError>([&] { y.backward(ones({3}, kFloat64)); }), Contains("(3,)"));
  CHECK_THAT(message_of<GraphError>([&] { y.backward(ones({1}, kFloat64)); }), Contains("(1,)"));
  CHECK_THAT(message_of<GraphError>([&] { y.backward(ones({2})); }), Contains("float32"));
  CHECK_FALSE(x.grad().defined());
  CHECK_NOTHROW(y.backward(ones({2}, kFloat64)));
}

TEST_CASE("a second backward through a released graph is refused, and says why") {
  Tensor x = leaf({1.0, 2.0}), y = x * x, z = y.sum();
  z.backward();
  CHECK_THAT(message_of<GraphError>([&] { z.backward(); }),
             Contains("second") && Contains("retain_graph"));
  CHECK_THAT(message_of<GraphError>([&] { (y * 2.0).sum().backward(); }), Contains("mul"));
  CHECK_THAT(message_of<GraphError>([&] { (void)grad(z, {x}); }), Contains("retain_graph"));
  CHECK(values(x.grad()) == std::vector<double>{2, 4});
}

TEST_CASE("a root without history is refused") {
  Tensor x = leaf(2.0);
  CHECK_THAT(message_of<GraphError>([&] { x.detach().backward(); }), Contains("detached"));
  CHECK_THAT(message_of<GraphError>([&] { tensor(1.0).backward(); }), Contains("requires_grad_"));
  CHECK_FALSE(message_of<GraphError>([] { Tensor().backward(); }).empty());
  NoGradGuard unrecorded;
  CHECK_THAT(message_of<GraphError>([&] { (x * 2.0).backward(); }), Contains("no-grad"));
}

TEST_CASE("grad refuses wrong inputs, outputs and output gradients") {
  Tensor x = leaf(2.0), unused = leaf(3.0), plain = tensor(4.0, kFloat64), y = x * plain;
  CHECK_THAT(message_of<GraphError>([&] {
               (void)grad(y, {x, plain}, {.retain_graph = true});
             }),
             Contains("input 1") && Contains("does not require grad"));
  CHECK_THAT(message_of<GraphError>([&] { (void)grad(y, {unused}, {.retain_graph = true}); }),
             Contains("allow_unused"));
  CHECK_FALSE(message_of<GraphError>([&] { (void)grad(y, {}, {}); }).empty());
  CHECK_FALSE(message_of<GraphError>([&] { (void)grad(std::vector<Tensor>{}, {x}); }).empty());
  CHECK_FALSE(message_of<GraphError>([&] { (void)grad(y, {Tensor()}); }).empty());
  CHECK_THAT(message_of<GraphError>([&] {
               (void)grad(y, {x}, {.grad_outputs = {y, y}});
             }),
             Contains("2"));
  CHECK(grad(y, {x})[0].item() == 4);  // the graph still works
}

TEST_CASE("only floating tensors have gradients") {
  for (DType dtype : {kInt64, kInt32, kUInt8, kBool})
    CHECK_THAT(message_of<DTypeError>([&] { zeros({2}, dtype).requires_grad_(); }),
               Contains(std::string(dtype_name(dtype))));
  CHECK_NOTHROW(zeros({2}, kBFloat16).requires_grad_());
  CHECK_NOTHROW(zeros({2}, kInt64).requires_grad_(false));
}

TEST_CASE("requires_grad_ is for leaves") {
  Tensor x = leaf({1.0, 2.0}), y = x * 2.0;
  CHECK_THAT(message_of<GraphError>([&] { y.requires_grad_(); }),
             Contains("mul") && Contains("detach"));
  CHECK_THAT(message_of<GraphError>([&] { y.requires_grad_(false); }), Contains("mul"));
  CHECK_FALSE(message_of<ValueError>([] { Tensor().requires_grad_(); }).empty());
}

TEST_CASE("autograd methods of a tensor without gradient are refused") {
  Tensor x = tensor({1.0});
  CHECK_FALSE(
      message_of<GraphError>([&] { x.register_hook([](const Tensor& g) { return g; }); }).empty());
  CHECK_FALSE(message_of<GraphError>([&] { x.retain_grad(); }).empty());
  CHECK_FALSE(message_of<GraphError>([&] { x.set_grad(x); }).empty());
  CHECK_FALSE(x.grad().defined());
  CHECK_NOTHROW(x.zero_grad());
  Tensor y = leaf({1.0}) * 2.0;
  CHECK_THAT(message_of<GraphError>([&] { y.register_post_accumulate_grad_hook([](Tensor&) {}); }),
             Contains("mul"));
}

TEST_CASE("set_grad accepts a gradient with the tensor's dtype and shape") {
  Tensor x = leaf({1.0, 2.0});
  CHECK_THAT(message_of<ShapeError>([&] { x.set_grad(ones({3}, kFloat64)); }), Contains("(3,)"));
  CHECK_THAT(message_of<DTypeError>([&] { x.set_grad(ones({2})); }), Contains("float64"));
  x.set_grad(full({}, 5, kFloat64).expand({2}));  // both elements are one in memory
  (x * 2.0).sum().backward();
  CHECK(values(x.grad()) == std::vector<double>{7, 7});
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("the engine names the op that returned a wrong gradient") {
  Tensor x = leaf({1.0, 2.0});
  auto message = [&](std::function<TensorList()> gradients) {
    return message_of<GraphError>([&] { returning(x, std::move(gradients)).sum().backward(); });
  };
  CHECK_THAT(message([] { return TensorList(); }),
             Contains("test_returns") && Contains("0 gradients for 1"));
  CHECK_THAT(message([] { return TensorList(Tensor(), Tensor()); }), Contains("2 gradients for 1"));
  CHECK_THAT(message([] { return TensorList(ones({3}, kFloat64)); }),
             Contains("test_returns") && Contains("(3,)") && Contains("(2,)"));
  CHECK_THAT(message([] { return TensorList(ones({2})); }),
             Contains("float32") && Contains("float64"));
  CHECK_FALSE(x.grad().defined());
  CHECK(message([] {
          return TensorList(ones({5, 2}, kFloat64));
        }).empty());  // a broadcast gradient is summed
  CHECK(values(x.grad()) == std::vector<double>{5, 5});
  x.zero_grad();
  CHECK(message([] { return TensorList(Tensor()); }).empty());  // undefined means zero
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a hook must return a gradient with the dtype and shape of its tensor") {
  Tensor x = leaf({1.0, 2.0}), y = x * 2.0;
  y.register_hook([](const Tensor&) { return ones({3}, kFloat64); });
  CHECK_THAT(message_of<GraphError>([&] { y.sum().backward({}, true); }), Contains("hook on mul"));
}

TEST_CASE("accumulator may be called only while backward runs") {
  Tensor x = leaf(1.0), y = x * 2.0;
  CHECK_FALSE(message_of<GraphError>([&] { y.grad_fn()->accumulator(0); }).empty());
  CHECK_FALSE(message_of<GraphError>([] { run_note(nullptr); }).empty());
}

TEST_CASE("every method of a node throws GraphError for the index of an input that it lacks") {
  const struct {
    const char* name;
    std::function<void(Node&, size_t)> ask;
    size_t first;  // the first wrong index
  } questions[] = {
      {"needs", [](Node& n, size_t i) { (void)n.needs(i); }, 2},
      {"accumulator", [](Node& n, size_t i) { n.accumulator(i).add_(1); }, 1},  // 1 has no node
      {"input", [](Node& n, size_t i) { (void)n.input(i); }, 2},
      {"extra", [](Node& n, size_t i) { (void)n.extra(i); }, 1},
      {"save_input", [](Node& n, size_t i) { n.save_input(i, ones({2})); }, 2},
      {"save_extra", [](Node& n, size_t i) { n.save_extra(i, ones({2})); }, 1 << 16},
  };
  constexpr size_t kMost = std::numeric_limits<size_t>::max();
  for (const auto& question : questions)
    for (size_t i : {size_t{0}, question.first, question.first + 1, size_t{1} << 32, kMost - 3,
                     kMost - 2, kMost - 1, kMost}) {
      Tensor x = ones({2}).requires_grad_(), plain = ones({2}), y = ones({2});
      auto* node = record<Asks>(y, x, plain);
      node->save_input(0, x), node->save_input(1, plain), node->save_output(y);
      node->save_extra(0, y);
      node->ask = [&](Node& n) { question.ask(n, i); };
      const std::string message = message_of<GraphError>([&] { y.sum().backward(); });
      CAPTURE(question.name, i, message);
      if (i < question.first) CHECK(message.empty());
      else CHECK_THAT(message, Contains("test_asks"));
    }
}

TEST_CASE("a tensor that requires grad does not change in place while ops are recorded") {
  Tensor x = leaf({1.0, 2.0}), plain = zeros({2}, kFloat64);
  CHECK_THAT(message_of<GraphError>([&] { x.add_(1); }),
             Contains("add_") && Contains("NoGradGuard"));
  CHECK_THAT(message_of<GraphError>([&] { plain.copy_(x); }),
             Contains("copy_") && Contains("source"));
  NoGradGuard unrecorded;
  const uint64_t before = x.version();
  x.add_(1);
  CHECK(x.version() > before);
  plain.copy_(x);
  CHECK(values(plain) == std::vector<double>{2, 3});
}
