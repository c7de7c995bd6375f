// Tests single scenarios in which a fault is easy to make and hard to see.
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "framework/tensor/random.h"
#include "models/layers/layers.h"

using namespace vitro;

TEST_CASE("an axis before an axis of size 0 is summed") {
  for (DType dtype : {kFloat32, kBFloat16, kFloat64}) {
    CHECK(sum(zeros({2, 3, 0}, dtype), 1).shape() == Shape{2, 0});
    CHECK(sum(zeros({1000, 0}, dtype), 0).shape() == Shape{0});
  }
}

TEST_CASE("cross_entropy over no classes or no counted rows runs backward") {
  Tensor none = zeros({0, 0}).requires_grad_();
  cross_entropy(none, zeros({0}, kInt64)).backward();
  CHECK(none.grad().shape() == Shape{0, 0});
  Tensor ignored = zeros({2, 0}).requires_grad_();
  cross_entropy(ignored, full({2}, -100, kInt64), {.reduction = Reduction::kSum}).backward();
  CHECK(ignored.grad().shape() == Shape{2, 0});
}

TEST_CASE("a weight that is written through an old pointer is read again") {
  NoGradGuard no_grad;
  nn::Linear layer(4, 3);
  Tensor x = ones({2, 4});
  float* p = layer.weight.mutable_data<float>();
  const float before = layer(x).data<float>()[0];
  p[0] += 1;
  CHECK(layer(x).data<float>()[0] == Approx(before + 1));

  float mine[12] = {};
  Tensor w = from_blob(mine, {3, 4}).requires_grad_();
  CHECK(linear(x, w).data<float>()[0] == 0);
  mine[0] = 2;
  CHECK(linear(x, w).data<float>()[0] == 2);
}

TEST_CASE("a parameter converted between forward and backward is an error") {
  nn::Embedding embed(5, 3);
  Tensor loss = sum(embed(tensor({0, 1})));
  embed.to(kBFloat16);
  CHECK_THROWS_AS(loss.backward(), GraphError);
}

TEST_CASE("a gradient is not stored in memory of the caller") {
  Tensor x = ones({2}).requires_grad_();
  float mine[2] = {5, 5};
  x.register_hook([&](const Tensor&) { return from_blob(mine, {2}); });
  sum(x * 1.0).backward();
  sum(x * 1.0).backward();
  CHECK(mine[0] == 5);
  CHECK(x.grad().data<float>()[0] == 10);
}

TEST_CASE("set_grad stores neither the graph nor the caller's tensor") {
  Tensor x = ones({2}).requires_grad_(), y = ones({2}).requires_grad_(), g = ones({2});
  x.set_grad(g);
  y.set_grad(g);
  sum(x * 2.0).backward();
  CHECK(y.grad().data<float>()[0] == 1);
  CHECK(x.grad().data<float>()[0] == 3);
  x.set_grad(grad(sum(x * x), {x}, {.create_graph = true})[0]);
  CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("exp gives the smallest normal numbers") {
  Tensor y = exp(tensor({-87.1, -87.3}));
  for (int i = 0; i < 2; ++i)
    CHECK(y.data<float>()[i] == Approx(std::exp(i ? -87.3 : -87.1)).epsilon(1e-5));
}

TEST_CASE("integers wrap around") {
  CHECK(add(full({1}, 2147483647, kInt32), ones({1}, kInt32)).item<int64_t>() == -2147483648LL);
}

TEST_CASE("floating numbers become integers: truncated, clamped to the range, NaN to 0") {
  const double inf = std::numeric_limits<double>::infinity();
  for (DType from : {kFloat32, kFloat64, kBFloat16}) {
    Tensor x = tensor({-inf, -1e30, -2.7, 2.7, 1e30, inf, std::nan("")}, from);
    Tensor y = x.to(kInt32), z = x.to(kUInt8), w = x.to(kInt64);
    const int32_t wide[] = {INT32_MIN, INT32_MIN, -2, 2, INT32_MAX, INT32_MAX, 0};
    const int narrow[] = {0, 0, 0, 2, 255, 255, 0};
    for (int i = 0; i < 7; ++i) {
      CHECK(y.data<int32_t>()[i] == wide[i]);
      CHECK(int{z.data<uint8_t>()[i]} == narrow[i]);
    }
    CHECK(w.data<int64_t>()[0] == INT64_MIN);
    CHECK(w.data<int64_t>()[5] == INT64_MAX);
  }
}

TEST_CASE("the mixed second derivative of a^b at b = 0 is 1 / a") {
  Tensor a = tensor({2.0, 4.0}, kFloat64).requires_grad_();
  Tensor b = zeros({2}, kFloat64).requires_grad_();
  Tensor da = grad(sum(pow(a, b)), {a}, {.create_graph = true})[0];
  Tensor mixed = grad(sum(da), {b})[0];
  CHECK(mixed.data<double>()[0] == Approx(0.5));
  CHECK(mixed.data<double>()[1] == Approx(0.25));
  Tensor zero = zeros({1}, kFloat64).requires_grad_();
  CHECK(grad(sum(pow(zero, zeros({1}, kFloat64))), {zero})[0].item() == 0);
}

TEST_CASE("two threads may run one model's first forward at once") {
  for (int round = 0; round < 50; ++round) {
    nn::Linear model(4, 3);
    std::vector<std::thread> threads;
    std::atomic<int> ready = 0;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&] {
        for (++ready; ready < 2;) continue;
        model(ones({2, 4}));
      });
    for (auto& t : threads) t.join();
    CHECK(model.path().empty());
  }
}
