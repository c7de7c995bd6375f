// Tests the engine's results: shared subgraphs, sums, retained and higher gradients, pruning.
#include <catch2/catch.hpp>

#include "framework/autograd/run.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Numbers = std::vector<double>;

namespace {

// The names of the ops that f's backward runs, in order.
template <class F>
std::vector<std::string> ops_run_by(F f) {
  std::vector<std::string> names;
  const std::function<void(const Node&)> listen = [&](const Node& node) {
    names.emplace_back(node.name());
  };
  t_on_backward = &listen;
  f();
  t_on_backward = nullptr;
  return names;
}

// y = 3 x.  Its backward adds the gradient to accumulator(0).
struct Triple final : Op<Triple> {
  static constexpr std::string_view kName = "test_triple";
  TensorList backward(const Tensor& dy) override {
    if (grad_enabled()) return {dy * 3.0};
    add_into(accumulator(0), dy * 3.0);
    return {Tensor()};
  }
};
Tensor triple(const Tensor& x) {
  Tensor y = x.detach() * 3.0;
  record<Triple>(y, x);
  return y;
}

// Records the inputs for which its backward must give a gradient.
struct Asked final : Op<Asked> {
  static constexpr std::string_view kName = "test_asked";
  std::vector<bool>* needed = nullptr;
  TensorList backward(const Tensor& dy) override {
    *needed = {needs(0), needs(1)};
    return {needs(0) ? dy : Tensor(), needs(1) ? dy : Tensor()};
  }
};

}  // namespace

TEST_CASE("a tensor that is used twice gets the sum of both gradients") {
  Tensor x = leaf({2.0, 3.0});
  Tensor a = x * x, b = a + a * x;  // b = x^2 + x^3
  b.sum().backward();
  CHECK(values(x.grad()) == Numbers{2 * 2 + 3 * 4, 2 * 3 + 3 * 9});
}

TEST_CASE("a subgraph that many outputs share runs once") {
  Tensor x = leaf({1.0, 2.0});
  Tensor shared = exp(x), y = (shared * 2.0).sum() + (shared * 3.0).sum() + shared.sum();
  auto ran = ops_run_by([&] { y.backward(); });
  CHECK(std::count(ran.begin(), ran.end(), "exp") == 1);
  CHECK(max_difference(x.grad(), exp(x.detach()) * 6.0) < 1e-14);
}

TEST_CASE("backward adds to existing gradients, and zero_grad removes them") {
  Tensor x = leaf({1.0, 2.0});
  CHECK_FALSE(x.grad().defined());
  (x * 2.0).sum().backward();
  (x * 3.0).sum().backward();
  CHECK(values(x.grad()) == Numbers{5, 5});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  (x * 3.0).sum().backward();
  CHECK(values(x.grad()) == Numbers{3, 3});
}

TEST_CASE("two leaves do not share the memory of their first gradient") {
  Tensor a = leaf({1.0, 2.0}), b = leaf({3.0, 4.0}), dy = tensor({1.0, 1.0}, kFloat64);
  (a + b).backward(dy);
  NoGradGuard unrecorded;
  a.grad().mul_(10);
  CHECK(values(b.grad()) == Numbers{1, 1});
  CHECK(values(dy) == Numbers{1, 1});
  b.grad().mul_(7);
  CHECK(values(a.grad()) == Numbers{10, 10});
  CHECK(values(dy) == Numbers{1, 1});
}

TEST_CASE("a leaf's gradient is dense and has its own memory, even if a view was added") {
  Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}}), y = leaf({{1.0, 2.0}, {3.0, 4.0}});
  (x.t() + y).sum().backward();  // both get an expanded scalar as gradient
  CHECK(x.grad().is_contiguous());
  CHECK(y.grad().is_contiguous());
  NoGradGuard unrecorded;
  x.grad().select(0, 0).fill_(5);
  CHECK(values(x.grad()) == Numbers{5, 5, 1, 1});
  CHECK(values(y.grad()) == Numbers{1, 1, 1, 1});
}

TEST_CASE("gradients are summed over broadcast axes") {
  Tensor row = leaf({1.0, 2.0, 3.0}), column = leaf({{1.0}, {2.0}}), one = leaf(4.0);
  (row * column * one).sum().backward();
  CHECK(values(row.grad()) == Numbers{12, 12, 12});
  CHECK(values(column.grad()) == Numbers{24, 24});
  CHECK(values(one.grad()) == Numbers{18});
  CHECK(column.grad().shape() == Shape{2, 1});
  CHECK(one.grad().shape() == Shape{});
}

TEST_CASE("retain_graph allows a second backward") {
  Tensor x = leaf({2.0, 3.0}), y = (x * x).sum();
  y.backward({}, /*retain_graph=*/true);
  y.backward();
  CHECK(values(x.grad()) == Numbers{8, 12});
}

TEST_CASE("retain_grad fills the gradient of an interior tensor, after its hooks") {
  Tensor x = leaf({2.0, 3.0}), y = x * x;
  y.retain_grad();
  y.register_hook([](const Tensor& dy) { return dy * 10.0; });
  CHECK_FALSE(y.grad().defined());
  (y * 2.0).sum().backward();
  CHECK(values(y.grad()) == Numbers{20, 20});
  CHECK(values(x.grad()) == Numbers{80, 120});
}

TEST_CASE("the gradient of a tensor with respect to itself is the given output gradient") {
  Tensor x = leaf({2.0, 3.0}), dy = tensor({5.0, 7.0}, kFloat64);
  CHECK(values(grad(x, {x}, {.grad_outputs = {dy}})[0]) == Numbers{5, 7});
  x.backward(dy);
  CHECK(values(x.grad()) == Numbers{5, 7});
}

TEST_CASE("grad returns gradients and leaves every grad() alone") {
  Tensor x = leaf({2.0, 3.0}), y = x * x, z = (y * x).sum();
  std::vector<Tensor> g = grad(z, {x, y, x});
  CHECK(values(g[0]) == Numbers{12, 27});
  CHECK(values(g[1]) == Numbers{2, 3});
  CHECK(values(g[2]) == Numbers{12, 27});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("grad of several outputs is the sum of their gradients") {
  Tensor x = leaf({2.0, 3.0}), dy = tensor({10.0, 20.0}, kFloat64);
  Tensor g = grad({x * x, x.sum()}, {x}, {.grad_outputs = {dy, Tensor()}})[0];
  CHECK(values(g) == Numbers{41, 121});
}

TEST_CASE("x^3 differentiates three times under create_graph") {
  Tensor x = leaf({2.0, -3.0}), y = x * x * x;
  Numbers expected[] = {{12, 27}, {12, -18}, {6, 6}};
  for (const Numbers& each : expected) {
    y = grad(y.sum(), {x}, {.create_graph = true})[0];
    CHECK(values(y) == each);
  }
  CHECK_FALSE(y.requires_grad());  // the slope is the constant 6
}

TEST_CASE("a gradient taken under create_graph flows back into the leaves") {
  Tensor x = leaf({2.0, 3.0});
  Tensor slope = grad((x * x * x).sum(), {x}, {.create_graph = true})[0];  // 3 x^2
  (slope * slope).sum().backward();                                        // 36 x^3
  CHECK(values(x.grad()) == Numbers{36 * 8, 36 * 27});
}

TEST_CASE("grad runs only the ops that lead to its inputs") {
  Tensor x = leaf({1.0, 2.0}), w = leaf({3.0, 4.0});
  Tensor z = (sin(x) * exp(w)).sum();
  auto ran = ops_run_by([&] { (void)grad(z, {x}, {.retain_graph = true}); });
  CHECK(ran == std::vector<std::string>{"sum", "mul", "sin"});
  ran = ops_run_by([&] { (void)grad(z, {w}); });
  CHECK(ran == std::vector<std::string>{"sum", "mul", "exp"});
}

TEST_CASE("grad with respect to an interior tensor stops there") {
  Tensor x = leaf({1.0, 2.0}), y = exp(x), z = (y * y).sum();
  auto ran = ops_run_by([&] { CHECK(max_difference(grad(z, {y})[0], y.detach() * 2.0) == 0); });
  CHECK(ran == std::vector<std::string>{"sum", "mul"});
}

TEST_CASE("an op computes only the gradients that are needed") {
  std::vector<bool> needed;
  Tensor x = leaf(1.0), w = leaf(2.0), y = tensor(3.0, kFloat64);
  record<Asked>(y, x, w)->needed = &needed;
  (void)grad(y, {w}, {.retain_graph = true});
  CHECK(needed == std::vector<bool>{false, true});
  y.backward();
  CHECK(needed == std::vector<bool>{true, true});
}

TEST_CASE("an unused input has an undefined gradient when that is allowed") {
  Tensor x = leaf(1.0), unused = leaf(2.0);
  std::vector<Tensor> g = grad(x * 2.0, {x, unused}, {.allow_unused = true});
  CHECK(g[0].item() == 2);
  CHECK_FALSE(g[1].defined());
}

TEST_CASE("a parameter that is used in two places gets the sum of both gradients") {
  nn::Linear a(2, 2), b(2, 2);
  b.weight = a.weight;
  Tensor x = randn({3, 2}), y = a(x), z = b(y.detach());
  Tensor alone_a = grad(y.sum(), {a.weight}, {.retain_graph = true})[0];
  Tensor alone_b = grad(z.sum(), {a.weight}, {.retain_graph = true})[0];
  (y.sum() + z.sum()).backward();
  CHECK(max_difference(a.weight.grad(), alone_a + alone_b) < 1e-5);
  CHECK(a.weight.grad().impl() == b.weight.grad().impl());
}

TEST_CASE("a user's op differentiates like the library's") {
  Tensor x = leaf({1.0, 2.0}), y = triple(x), z = (triple(y) * x).sum();  // 9 x^2
  CHECK(y.grad_fn()->name() == "test_triple");
  z.backward({}, /*retain_graph=*/true);
  CHECK(values(x.grad()) == Numbers{18, 36});
  Tensor slope = grad(z, {x}, {.create_graph = true})[0];
  CHECK(values(grad(slope.sum(), {x})[0]) == Numbers{18, 18});
}

TEST_CASE("accumulator adds to the gradients of other ops, in any order") {
  for (bool own_first : {false, true}) {
    Tensor x = leaf({1.0, 2.0}), first = own_first ? triple(x) : x + 0.0;
    Tensor second = own_first ? x + 0.0 : triple(x), dy = tensor({1.0, 1.0}, kFloat64);
    (first + second).backward(dy);
    CHECK(values(x.grad()) == Numbers{4, 4});
    CHECK(values(dy) == Numbers{1, 1});  // the engine did not add into the caller's tensor
  }
}

TEST_CASE("gradients are bit-identical for one and for two threads") {
  manual_seed(7);
  const DType dtype = GENERATE(kFloat32, kFloat64);
  Tensor x = randn({300, 400}, dtype).requires_grad_(),
         w = randn({50, 400}, dtype).requires_grad_();
  Tensor ids = randint(0, 50, {300});
  const int before = get_num_threads();
  auto gradients = [&](int threads) {
    set_num_threads(threads);
    Tensor y = gelu(x) * embedding(ids, w) + tanh(x);
    Tensor loss = log_softmax(y, -1).mean() + (y * y).sum(0).mean();
    return grad(loss, {x, w});
  };
  std::vector<Tensor> one = gradients(1), two = gradients(2);
  set_num_threads(before);
  CHECK(same_bits(one[0], two[0]));
  CHECK(same_bits(one[1], two[1]));
}
