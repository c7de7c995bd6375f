// Tests gradcheck and gradgradcheck, called as a user calls them.
#include "framework/autograd/gradcheck.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "framework/tensor/random.h"
#include "ops/ops.h"

using namespace vitro;
using Tensors = std::vector<Tensor>;
using Catch::Contains;

namespace {
// y = x^2.  Its backward wrongly gives half the gradient.
struct Half final : Op<Half> {
  static constexpr std::string_view kName = "half_slope";
  TensorList backward(const Tensor& dy) override { return {dy * input(0)}; }
};
Tensor half_slope(const Tensor& x) {
  Tensor y = x.detach() * x.detach();
  if (Node* node = record<Half>(y, x)) node->save_input(0, x);
  return y;
}
}  // namespace

TEST_CASE("gradcheck: right gradients pass, to the second order") {
  Tensors x = {randn({2, 3}, kFloat64), randn({3}, kFloat64)};
  auto f = [](const Tensors& in) { return tanh(in[0] * in[1]) / (exp(in[1]) + 1.0); };
  GradCheck first = gradcheck(f, x), second = gradgradcheck(f, x);
  CHECK(first);
  CHECK(first.message == "");
  CHECK(second);
  CHECK(second.message == "");
}

TEST_CASE("gradcheck: the message names the op, the input, the element and both numbers") {
  Tensor x = tensor({{0.0, 0.0}, {3.0, 0.0}}, kFloat64);  // the gradient is wrong only at (1, 0)
  GradCheck check =
      gradcheck([](const Tensors& in) { return half_slope(in[1]); }, {ones({2}, kFloat64), x});
  CHECK_FALSE(check);
  CHECK_THAT(check.message, Contains("gradcheck: half_slope: input 1 (1, 0): backward"));
  CHECK_THAT(check.message, Contains("differences give"));
  CHECK_THAT(check.message, Contains("(2 of 12 comparisons disagree)"));
  CHECK_THAT(
      gradgradcheck([](const Tensors& in) { return half_slope(in[0]) * in[0].detach(); }, {x + 1.0})
          .message,
      Contains("gradgradcheck: mul: "));
}

TEST_CASE("gradcheck: a result without a graph has derivative zero") {
  Tensors x = {tensor({1.0, 2.0}, kFloat64)};
  CHECK_THAT(gradcheck([](const Tensors& in) { return in[0].detach() * 2.0; }, x).message,
             Contains("without a graph"));
  CHECK(gradcheck([](const Tensors& in) { return zeros_like(in[0]); }, x));
  CHECK(gradcheck([](const Tensors& in) { return in[0]; }, x));  // returns a leaf
  CHECK(gradgradcheck([](const Tensors& in) { return in[0]; }, x));
}

TEST_CASE("gradcheck: the caller can set the tolerances") {
  Tensors x = {tensor({1.0, 2.0}, kFloat64)};
  auto almost = [](const Tensors& in) { return in[0] * 2.0 + in[0].detach() * 0.001; };
  CHECK_FALSE(gradcheck(almost, x));
  CHECK(gradcheck(almost, x, 1e-6, 0.01, 0));
  CHECK(gradcheck(almost, x, 1e-6, 0, 0.01));
}

TEST_CASE("gradcheck: NaN and infinite derivatives are failures") {
  CHECK_FALSE(gradcheck([](const Tensors& in) { return sqrt(in[0]); }, {zeros({2}, kFloat64)}));
  CHECK_FALSE(gradcheck([](const Tensors& in) { return log(in[0]); }, {full({2}, -1, kFloat64)}));
}

TEST_CASE("gradcheck: kinks show as failures") {
  CHECK_FALSE(gradcheck([](const Tensors& in) { return relu(in[0]); }, {zeros({1}, kFloat64)}));
  CHECK(gradcheck([](const Tensors& in) { return relu(in[0]); }, {full({1}, 1e-3, kFloat64)}));
}

TEST_CASE("gradcheck: neither inputs nor gradients nor grad mode nor random numbers change") {
  Tensor x = randn({4}, kFloat64).requires_grad_(), before = clone(x.detach());
  x.set_grad(ones({4}, kFloat64));
  const uint64_t version = x.version();
  const uint64_t position = default_generator().position();
  {
    NoGradGuard unrecorded;
    CHECK(gradcheck([](const Tensors& in) { return dropout(in[0], 0.5) * in[0]; }, {x}));
    CHECK(gradgradcheck([](const Tensors& in) { return dropout(in[0], 0.5) * in[0]; }, {x}));
    CHECK_FALSE(grad_enabled());
  }
  CHECK(default_generator().position() == position);
  CHECK(x.version() == version);
  CHECK(sum(ne(x.detach(), before)).item() == 0);
  CHECK(sum(x.grad()).item() == 4);
  CHECK(x.is_leaf());
}

TEST_CASE("gradcheck: integer inputs are not differentiated, and inputs may be strided views") {
  Tensor ids = tensor({2, 0, 2}), weight = randn({3, 4}, kFloat64);
  auto f = [](const Tensors& in) { return embedding(in[0], in[1]); };
  CHECK(gradcheck(f, {ids, weight}));
  CHECK(gradgradcheck(f, {ids, weight}));
  CHECK(gradcheck([](const Tensors& in) { return exp(in[0]); }, {weight.t()}));
  CHECK(gradcheck([](const Tensors& in) { return exp(in[0]); },
                  {expand(randn({1, 2}, kFloat64), {3, 2})}));
  CHECK(gradcheck([](const Tensors& in) { return exp(in[0]); }, {empty({0, 3}, kFloat64)}));
}

TEST_CASE("gradcheck: misuse is a typed error") {
  auto same = [](const Tensors& in) { return in[0]; };
  CHECK_THROWS_AS(gradcheck(same, {ones({2})}), DTypeError);
  CHECK_THROWS_WITH(gradcheck(same, {ones({2})}),
                    Contains("expected float64 inputs") && Contains("float32 (2,)"));
  CHECK_THROWS_AS(gradcheck(same, {Tensor()}), ValueError);
  auto narrow = [](const Tensors& in) { return to(in[0], kFloat32); };
  CHECK_THROWS_AS(gradcheck(narrow, {ones({2}, kFloat64)}), DTypeError);
  CHECK_THROWS_AS(gradgradcheck(narrow, {ones({2}, kFloat64)}), DTypeError);
  auto nothing = [](const Tensors&) { return Tensor(); };
  CHECK_THROWS_AS(gradcheck(nothing, {ones({2}, kFloat64)}), ValueError);
  auto throwing = [](const Tensors& in) { return matmul(in[0], in[0]); };
  CHECK_THROWS_AS(gradcheck(throwing, {ones({2, 3}, kFloat64)}), ShapeError);
}
