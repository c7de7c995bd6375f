// Tests functions that make tensors, and sizes that no tensor can have.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Values = std::vector<double>;

namespace {

constexpr DType kAll[] = {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool};

}  // namespace

TEST_CASE("zeros, ones, full and empty, also with the shape of another tensor") {
  for (DType d : kAll) {
    INFO(d);
    CHECK(values(zeros({2, 2}, d)) == Values(4, 0));
    CHECK(values(ones({3}, d)) == Values(3, 1));
    CHECK(values(full({2}, 1, d)) == Values(2, 1));
    CHECK(empty({2, 3}, d).dtype() == d);
    Tensor x = ones({2, 3}, d).t();
    for (const Tensor& y : {zeros_like(x), ones_like(x), full_like(x, 1), empty_like(x)}) {
      CHECK(y.dtype() == d);
      CHECK(y.shape() == Shape{3, 2});
      CHECK(y.is_contiguous());
      CHECK(y.strides() == row_major(y.shape()));
    }
    CHECK(values(zeros_like(x)) == Values(6, 0));
    CHECK(values(ones_like(x)) == Values(6, 1));
    CHECK(values(full_like(x, 0)) == Values(6, 0));
  }
  for (const Tensor& x :
       {zeros({1}), ones({1}), full({1}, 2), empty({1}), eye(1), linspace(0, 1, 2)})
    CHECK(x.dtype() == kFloat32);
  Tensor leaf = ones({2}).requires_grad_();
  CHECK_FALSE(zeros_like(leaf).requires_grad());
  CHECK_FALSE(empty_like(leaf).requires_grad());
  CHECK(zeros({}).shape() == Shape{});
  CHECK(zeros({0, 3}).numel() == 0);
}

TEST_CASE("integer tensors refuse numbers that they cannot hold") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(message_of<ValueError>([] { full({2}, 300, kUInt8); }),
             Contains("300") && Contains("uint8"));
  CHECK_THROWS_AS(full({2}, -1, kUInt8), ValueError);
  CHECK_THROWS_AS(full({2}, 3e9, kInt32), ValueError);
  CHECK_THROWS_AS(full({2}, 1e19, kInt64), ValueError);
  CHECK_THROWS_AS(full({2}, nan, kInt64), ValueError);
  CHECK_THROWS_AS(arange(300, kUInt8), ValueError);
  CHECK_THROWS_AS(arange(-1, 3, 1, kUInt8), ValueError);
  CHECK_THROWS_AS(tensor({1, 256}, kUInt8), ValueError);
  CHECK_THROWS_AS(tensor({1, -1}, kUInt8), ValueError);
  CHECK_THROWS_AS(tensor({int64_t{1} << 31}, kInt32), ValueError);
  CHECK_THROWS_AS(tensor({1e300}, kInt64), ValueError);
  CHECK(values(arange(256, kUInt8)).back() == 255);
  CHECK(values(full({1}, -9223372036854775808.0, kInt64)) == Values{-9223372036854775808.0});
  CHECK(values(tensor({1.75, -1.75}, kInt64)) == Values{1, -1});  // towards zero, like to()
  CHECK(std::isnan(full({}, nan, kBFloat16).item()));
}

TEST_CASE("arange counts from start to below stop") {
  CHECK(same_bits(arange(3), tensor({0, 1, 2})));
  CHECK(same_bits(arange(2, 5), tensor({2, 3, 4})));
  CHECK(same_bits(arange(5, 0, -2), tensor({5, 3, 1})));
  CHECK(same_bits(arange(0, 1, 0.25, kFloat64), tensor({0.0, 0.25, 0.5, 0.75}, kFloat64)));
  CHECK(same_bits(arange(2.5), tensor({0, 1, 2})));
  CHECK(arange(3, kFloat32).dtype() == kFloat32);
  CHECK(arange(0).shape() == Shape{0});
  CHECK(arange(5, 2).shape() == Shape{0});
  for (double step : {0.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(arange(0, 5, step, kFloat32), ValueError);
  CHECK_THROWS_AS(arange(std::numeric_limits<double>::infinity()), ValueError);
  CHECK_THAT(message_of<ValueError>([] { arange(0, 1, 0.5); }), Contains("whole"));
}

TEST_CASE("linspace ends exactly at `stop`") {
  CHECK(same_bits(linspace(0, 1, 5, kFloat64), tensor({0.0, 0.25, 0.5, 0.75, 1.0}, kFloat64)));
  CHECK(values(linspace(2, -2, 3)) == Values{2, 0, -2});
  CHECK(values(linspace(3, 7, 1)) == Values{3});
  CHECK(linspace(0, 1, 0).shape() == Shape{0});
  for (int64_t n = 2; n < 200; ++n) CHECK(linspace(0.3, 1.1, n, kFloat64)[-1].item() == 1.1);
  CHECK_THROWS_AS(linspace(0, 1, -1), ShapeError);
  CHECK_THROWS_AS(linspace(0, 1, 2, kInt64), DTypeError);
}

TEST_CASE("eye is the identity") {
  for (DType d : kAll) CHECK(values(eye(2, d)) == Values{1, 0, 0, 1});
  CHECK(eye(0).shape() == Shape{0, 0});
  CHECK_THROWS_AS(eye(-1), ShapeError);
}

TEST_CASE("tensor() takes its shape and dtype from nested braces") {
  struct {
    Tensor x;
    Shape shape;
    DType dtype;
  } const table[] = {
      {tensor(1), {}, kInt64},
      {tensor(1.5), {}, kFloat32},
      {tensor(2.0f), {}, kFloat32},
      {tensor(true), {}, kBool},
      {tensor({1}), {1}, kInt64},
      {tensor({1, 2, 3}), {3}, kInt64},
      {tensor({{1, 2}, {3, 4}, {5, 6}}), {3, 2}, kInt64},
      {tensor({{1, 2}, {3, 4.0}}), {2, 2}, kFloat32},
      {tensor({{{1}, {2}}}), {1, 2, 1}, kInt64},
      {tensor({true, false}), {2}, kBool},
      {tensor({true, 2}), {2}, kInt64},
      {tensor({true, 2.0}), {2}, kFloat32},
      {tensor({{}, {}}), {2, 0}, kFloat32},
      {tensor({1, 2}, kBFloat16), {2}, kBFloat16},
      {tensor({0.0, 2.0}, kBool), {2}, kBool},
  };
  for (const auto& row : table) {
    CHECK(row.x.shape() == row.shape);
    CHECK(row.x.dtype() == row.dtype);
  }
  CHECK(values(tensor({{1, 2}, {3, 4.5}})) == Values{1, 2, 3, 4.5});
  CHECK(values(tensor({true, 2})) == Values{1, 2});
  CHECK(values(tensor({0.0, 2.0}, kBool)) == Values{0, 1});
  const int64_t most = std::numeric_limits<int64_t>::max();
  CHECK(tensor({most}).item<int64_t>() == most);
  CHECK(tensor({1e300}, kFloat64).item() == 1e300);
}

TEST_CASE("tensor() refuses uneven braces") {
  CHECK_THROWS_AS(tensor({{1, 2}, {3}}), ShapeError);
  CHECK_THROWS_AS(tensor({{1}, {2, 3}}), ShapeError);
  CHECK_THROWS_AS(tensor({1, {2}}), ShapeError);
  CHECK_THROWS_AS(tensor({{1}, 2}), ShapeError);
  CHECK_THROWS_AS(tensor({{}, {1}}), ShapeError);
  CHECK_THROWS_AS(tensor({{1}, {}}), ShapeError);
  CHECK_THROWS_AS(tensor({{{1}}, {2}}), ShapeError);
  CHECK_THROWS_AS(tensor({{{{{{{{{1}}}}}}}}}), ShapeError);  // nine axes
}

TEST_CASE("from_blob wraps memory, and calls the deleter once, after the last view") {
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  void* freed = nullptr;
  int calls = 0;
  Tensor view;
  {
    Tensor x = from_blob(numbers, {2, 3}, kFloat32, [&](void* p) { freed = p, ++calls; });
    CHECK(x.data<float>() == numbers);
    CHECK(values(x) == Values{1, 2, 3, 4, 5, 6});
    x.mutable_data<float>()[5] = 60;
    x.add_(1);
    CHECK(numbers[5] == 61);
    view = x.t()[2];
  }
  CHECK(calls == 0);
  CHECK(values(view) == Values{4, 61});
  view = Tensor();
  CHECK(calls == 1);
  CHECK(freed == numbers);
}

TEST_CASE("from_blob checks its arguments, and does not call the deleter after an error") {
  alignas(8) char bytes[32] = {};
  int calls = 0;
  auto count = [&](void*) { ++calls; };
  CHECK_THROWS_AS(from_blob(nullptr, {2}, kFloat32, count), ValueError);
  CHECK_THAT(message_of<ValueError>([&] { from_blob(bytes + 1, {2}, kFloat32, count); }),
             Contains("aligned"));
  CHECK_THROWS_AS(from_blob(bytes, {-1}, kFloat32, count), ShapeError);
  CHECK_THROWS_AS(from_blob(bytes, {int64_t{1} << 62}, kFloat32, count), ShapeError);
  CHECK(calls == 0);
  CHECK(from_blob(nullptr, {0}).numel() == 0);
  CHECK(from_blob(bytes + 1, {2}, kUInt8).numel() == 2);
  Tensor leaf = from_blob(bytes, {2}, kFloat32);  // without a deleter
  leaf.requires_grad_();
  (leaf * leaf).sum().backward();
  CHECK(values(leaf.grad()) == Values{0, 0});
}

TEST_CASE("from_span copies") {
  std::vector<float> f = {1.5f, 2};
  std::vector<double> d = {0.1, 0.2, 0.3};
  std::vector<int64_t> n = {1, int64_t{1} << 60};
  Tensor x = from_span(std::span<const float>(f)), y = from_span(std::span<const double>(d)),
         z = from_span(std::span<const int64_t>(n));
  f[0] = 7;
  CHECK(same_bits(x, tensor({1.5, 2.0})));
  CHECK(same_bits(y, tensor({0.1, 0.2, 0.3}, kFloat64)));
  CHECK(z.data<int64_t>()[1] == int64_t{1} << 60);
  CHECK(from_span(std::span<const float>()).shape() == Shape{0});
}

TEST_CASE("shapes never overflow") {
  constexpr int64_t k31 = int64_t{1} << 31, k32 = int64_t{1} << 32, k62 = int64_t{1} << 62,
                    kMost = std::numeric_limits<int64_t>::max(),
                    k63 = std::numeric_limits<int64_t>::min();  // 2^63 wraps to this
  const Shape table[] = {
      {k31, k31, k31},
      {k32, k32},
      {k32, k31},
      {k63},
      {kMost},
      {k62, 2},
      {k62, 4},  // 2^64, which wraps to 0
      {0, k62, k62},
      {k62, 0, k62},
      {k32, k32, 0},
      {4194305, 4194305, 211106198978564},  // wraps to a small product
      {-1},
      {2, -3},
      {0, -1},
      {kMost, kMost, kMost, kMost, kMost, kMost, kMost, kMost},
  };
  float number = 0;
  const Tensor one = ones({});  // a scalar has no size that -1 could keep
  for (const Shape& shape : table) {
    INFO(shape);
    const std::function<void()> makers[] = {
        [&] { empty(shape); },
        [&] { zeros(shape); },
        [&] { ones(shape, kFloat64); },
        [&] { full(shape, 2, kInt64); },
        [&] { rand(shape); },
        [&] { randn(shape); },
        [&] { randint(0, 2, shape); },
        [&] { from_blob(&number, shape); },
        [&] { one.expand(shape); },
        [&] { zeros({0}).reshape(shape == Shape{-1} ? Shape{-2} : shape); },
    };
    for (const auto& make : makers) CHECK_THROWS_AS(make(), ShapeError);
  }
  const std::vector<int64_t> nine(9, 1);
  CHECK_THROWS_AS(Shape(std::span(nine)), ShapeError);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_THROWS_AS(ones({1, 1, 1, 1, 1, 1, 1, 1}).unsqueeze(0), ShapeError);
  CHECK_THROWS_AS(stack({ones({1, 1, 1, 1, 1, 1, 1, 1})}), ShapeError);
  CHECK_THROWS_AS(one_hot(zeros({1}, kInt64), k62), ShapeError);
  CHECK_THROWS_AS(linspace(0, 1, k62), ShapeError);
  CHECK_THROWS_AS(arange(8e18), ShapeError);
  CHECK_THROWS_AS(eye(k32), ShapeError);
  CHECK(zeros({0, 1000, 1000}).numel() == 0);
}

TEST_CASE("sizes of expanded tensors, which cost no memory, never overflow") {
  constexpr int64_t k31 = int64_t{1} << 31, k62 = int64_t{1} << 62;
  const Tensor wide = ones({1}, kUInt8).expand({k31, 1});
  CHECK_THROWS_AS(wide.unsqueeze(0).expand({k31, k31, k31}), ShapeError);
  CHECK_THROWS_AS(eq(wide.expand({k31, k31}).unsqueeze(2), wide.t()), ShapeError);
  const Tensor long_one = ones({1}, kUInt8).expand({k62});
  CHECK_THROWS_AS(cat({long_one, long_one}), ShapeError);
}

TEST_CASE("a tensor larger than any memory is a MemoryError") {
  const int64_t live = live_bytes();
  CHECK_THROWS_AS(empty({(int64_t{1} << 62) + 1}, kUInt8), MemoryError);
  CHECK(live_bytes() == live);
}
