// Tests special shapes: axes 0 and -1 of scalars, -1 in expand, and (0,) in cat.
#include <catch2/catch.hpp>

#include "framework/autograd/gradcheck.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

// Checks the value of f, and its first and second derivatives, for float64 inputs.
void check_function(const Definition& f, const std::vector<Tensor>& inputs, const Tensor& wanted) {
  CHECK(max_difference(f(inputs), wanted) < 1e-12);
  const GradCheck first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  CHECK(first.message == "");
  CHECK(second.message == "");
}

}  // namespace

TEST_CASE("corners: functions along an axis take scalars") {
  for (int64_t axis : {0, -1}) {
    const auto of = [axis](auto f) {
      return [=](const std::vector<Tensor>& x) { return f(x[0], axis); };
    };
    check_function(of([](auto&... x) { return softmax(x...); }), {leaf(5.0)}, tensor(1.0));
    check_function(of([](auto&... x) { return log_softmax(x...); }), {leaf(5.0)}, tensor(0.0));
    check_function(of([](auto&... x) { return logsumexp(x...); }), {leaf(5.0)}, tensor(5.0));
    check_function(of([](auto&... x) { return sum(x...); }), {leaf(5.0)}, tensor(5.0));
    check_function(of([](auto&... x) { return mean(x...); }), {leaf(5.0)}, tensor(5.0));
    check_function(of([](auto&... x) { return norm(x...); }), {leaf(-5.0)}, tensor(5.0));
    check_function(of([](auto& x, int64_t a) { return max(x, a).values; }), {leaf(5.0)},
                   tensor(5.0));
    check_function(of([](auto& x, int64_t a) { return topk(x, 1, a).values; }), {leaf(5.0)},
                   tensor(5.0));
    check_function(of([](auto& x, int64_t a) { return gather(x, a, tensor(0)); }), {leaf(5.0)},
                   tensor(5.0));
    check_function(of([](auto& x, int64_t a) {
                     return gather(x, a, tensor({0, 0}));
                   }),
                   {leaf(5.0)}, tensor({5.0, 5.0}));
    check_function(of([](auto& x, int64_t a) { return index_select(x, a, tensor({0})); }),
                   {leaf(5.0)}, tensor(5.0));
    check_function(
        [=](const std::vector<Tensor>& x) { return scatter_add(x[0], axis, tensor(0), x[1]); },
        {leaf(5.0), leaf(2.0)}, tensor(7.0));
    CHECK(same_bits(topk(tensor(5.0), 1, axis).indices, tensor(0)));
    CHECK(same_bits(argmax(tensor(5.0), axis), tensor(0)));
    CHECK(squeeze(tensor(5.0), axis).shape() == Shape{});
    for (DType d : {kFloat32, kBFloat16}) {
      CHECK(softmax(tensor(5.0, d), axis).item() == 1);
      CHECK(logsumexp(tensor(5.0, d), axis).item() == 5);
    }
  }
  check_function([](const std::vector<Tensor>& x) { return gather(x[0], 0, tensor(1)); },
                 {leaf({3.0, 4.0})}, tensor(4.0));
  check_function([](const std::vector<Tensor>& x) { return index_select(x[0], 0, tensor(1)); },
                 {leaf({3.0, 4.0})}, tensor({4.0}));
  for (int64_t axis : {1, -2}) {
    CHECK_THROWS_AS(softmax(tensor(5.0), axis), ShapeError);
    CHECK_THROWS_AS(logsumexp(tensor(5.0), axis), ShapeError);
    CHECK_THROWS_AS(topk(tensor(5.0), 1, axis), ShapeError);
    CHECK_THROWS_AS(gather(tensor(5.0), axis, tensor(0)), ShapeError);
  }
  CHECK_THROWS_AS(gather(tensor(5.0), 0, tensor(1)), ShapeError);
  CHECK_THROWS_AS(index_select(tensor(5.0), 0, tensor({0, 0})), ShapeError);
  for (const auto& f :
       {std::function<void()>([] { select(tensor(5.0), 0, 0); }),
        std::function<void()>([] { split(tensor(5.0), 1); }),
        std::function<void()>([] { chunk(tensor(5.0), 1); }), std::function<void()>([] {
          cat({tensor(5.0), ones({1})});
        })})
    CHECK_THROWS_AS(f(), ShapeError);
  CHECK(max_difference(stack({tensor(1.0), tensor(2.0)}), tensor({1.0, 2.0})) == 0);
}

TEST_CASE("corners: errors about an axis name the function that was called") {
  const Tensor x = ones({2, 3});
  CHECK_THAT(message_of<ShapeError>([&] { split(x, 1, 2); }),
             Catch::StartsWith("split: expected an axis"));
  CHECK_THAT(message_of<ShapeError>([&] { chunk(x, 1, 2); }),
             Catch::StartsWith("chunk: expected an axis"));
  CHECK_THAT(message_of<ShapeError>([&] { narrow(x, 2, 0, 1); }),
             Catch::StartsWith("narrow: expected an axis"));
}

TEST_CASE("corners: -1 in expand keeps a size") {
  const auto expanded = [](const Shape& from, const Shape& to) { return ones(from).expand(to); };
  CHECK(expanded({2, 1}, {-1, 3}).shape() == Shape{2, 3});
  CHECK(expanded({2, 1}, {4, -1, 3}).shape() == Shape{4, 2, 3});
  CHECK(expanded({2, 1}, {-1, -1}).shape() == Shape{2, 1});
  CHECK(expanded({0, 1}, {-1, 3}).shape() == Shape{0, 3});
  CHECK_THROWS_AS(expanded({2, 1}, {-1, 2, 3}), ShapeError);
  CHECK_THROWS_AS(expanded({}, {-1}), ShapeError);
  CHECK_THROWS_AS(expanded({2, 1}, {2, -2}), ShapeError);
  check_function(
      [](const std::vector<Tensor>& x) {
        return expand(x[0], {-1, 2});
      },
      {leaf({{1.0}, {2.0}})}, tensor({{1.0, 1.0}, {2.0, 2.0}}));
}

TEST_CASE("corners: t() below rank 2 is the tensor itself") {
  const Tensor x = tensor({1.0, 2.0});
  CHECK(same_bits(x.t(), x));
  CHECK(same_bits(t(tensor(3.0)), tensor(3.0)));
  CHECK_THROWS_AS(t(ones({2, 3, 4})), ShapeError);
}

TEST_CASE("corners: a mask larger than x makes masked_fill broadcast") {
  const Tensor mask = tensor({{true, false, false}, {false, false, true}});
  check_function([&](const std::vector<Tensor>& x) { return masked_fill(x[0], mask, 9); },
                 {leaf({1.0, 2.0, 3.0})}, tensor({{9.0, 2.0, 3.0}, {1.0, 2.0, 9.0}}));
  check_function([&](const std::vector<Tensor>& x) { return masked_fill(x[0], mask, 9); },
                 {leaf(1.0)}, tensor({{9.0, 1.0, 1.0}, {1.0, 1.0, 9.0}}));
}

TEST_CASE("corners: cat ignores tensors of shape (0,)") {
  const Tensor nothing = zeros({0}, kFloat64), x = tensor({{1.0, 2.0}}, kFloat64);
  for (int64_t axis : {0, 1, -1}) {
    CHECK(same_bits(cat({nothing, x, nothing}, axis), x));
    CHECK(same_bits(cat({x, nothing}, axis), x));
  }
  CHECK(cat({nothing, nothing}).shape() == Shape{0});
  CHECK(max_difference(cat({nothing, tensor({1.0}, kFloat64)}), tensor({1.0})) == 0);
  CHECK_THROWS_AS(cat({nothing, x}, 2), ShapeError);
  CHECK_THROWS_AS(cat({zeros({0, 3}), ones({2, 2})}), ShapeError);
  CHECK_THROWS_AS(cat({zeros({0}), x}), DTypeError);
  check_function(
      [](const std::vector<Tensor>& in) {
        return cat({in[0], in[1], in[1]}, 1);
      },
      {zeros({0}, kFloat64).requires_grad_(), leaf({{1.0, 2.0}})}, tensor({{1.0, 2.0, 1.0, 2.0}}));
}

TEST_CASE("corners: a negative padding_idx counts from the end") {
  nn::Embedding e(4, 2, {.padding_idx = -1});
  CHECK(values(e.weight[3]) == std::vector<double>{0, 0});
  sum(e(tensor({3, 1}))).backward();
  CHECK(values(e.weight.grad()) == std::vector<double>{0, 0, 1, 1, 0, 0, 0, 0});
  CHECK_THROWS_AS(nn::Embedding(4, 2, {.padding_idx = -5}), ShapeError);
}
