// Tests numbers that become elements: integer dtypes hold them exactly, or throw ValueError.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr int64_t kBig = (int64_t{1} << 53) + 1;  // no double holds it
constexpr int64_t kMost = std::numeric_limits<int64_t>::max(),
                  kLeast = std::numeric_limits<int64_t>::min();

}  // namespace

TEST_CASE("numbers: int64 is exact beyond 2^53") {
  for (int64_t n : {kBig, -kBig, kMost, kLeast}) {
    const Tensor x = full({2}, n, kInt64);
    CHECK(x[0].item<int64_t>() == n);
    CHECK(full_like(x, n)[1].item<int64_t>() == n);
    CHECK(zeros({1}, kInt64).fill_(n).item<int64_t>() == n);
    CHECK(masked_fill(x, tensor({true, false}), n - (n > 0))[0].item<int64_t>() == n - (n > 0));
    const bool up = n < kMost;
    const int64_t other = up ? n + 1 : n - 1;
    const auto all = [](const Tensor& flags) { return flags[0].item<bool>(); };
    CHECK((all(eq(x, n)) && !all(eq(x, other))));
    CHECK((!all(ne(x, n)) && all(ne(x, other))));
    CHECK((all(lt(x, other)) == up && all(gt(x, other)) == !up));
    CHECK((all(le(x, n)) && all(ge(x, n)) && all(le(x, other)) == up));
    CHECK((zeros({1}, kInt64) + n).item<int64_t>() == n);
    CHECK((n + zeros({1}, kInt64)).item<int64_t>() == n);
    CHECK((ones({1}, kInt64) * n).item<int64_t>() == n);
    CHECK((x - n)[0].item<int64_t>() == 0);
    CHECK(zeros({1}, kInt64).add_(n).item<int64_t>() == n);
    CHECK(clamp(x, n, n)[0].item<int64_t>() == n);
  }
}

TEST_CASE("numbers: arange of int64 counts exactly") {
  CHECK(same_bits(arange(kBig, kBig + 3), tensor({kBig, kBig + 1, kBig + 2})));
  CHECK(same_bits(arange(kMost - 2, kMost), tensor({kMost - 2, kMost - 1})));
  CHECK(same_bits(arange(kLeast + 5, kLeast, -2), tensor({kLeast + 5, kLeast + 3, kLeast + 1})));
  CHECK(same_bits(arange(0, 2.5), tensor({0, 1, 2})));
  CHECK(same_bits(arange(3, 0.5, -1), tensor({3, 2, 1})));
  CHECK(arange(kBig, kBig).numel() == 0);
  CHECK(arange(5, 2).numel() == 0);
}

TEST_CASE("numbers: integer and bool tensors refuse numbers that they do not hold") {
  for (DType d : {kInt64, kInt32, kUInt8, kBool})
    for (double n : {2.5, -0.5, 1e300, static_cast<double>(kNaN), static_cast<double>(kInf)}) {
      CAPTURE(d, n);
      const Tensor x = ones({2}, d);
      CHECK_THROWS_AS(full({2}, n, d), ValueError);
      CHECK_THROWS_AS(full_like(x, n), ValueError);
      CHECK_THROWS_AS(x.clone().fill_(n), ValueError);
      CHECK_THROWS_AS(masked_fill(x, ones({2}, kBool), n), ValueError);
      CHECK_THROWS_AS(clamp(x, n), ValueError);
      CHECK_THROWS_AS(clamp(x, {}, n), ValueError);
      CHECK_THROWS_AS(eq(x, n), ValueError);
      CHECK_THROWS_AS(lt(x, n), ValueError);
      CHECK_THROWS_AS(x + n, ValueError);
      CHECK_THROWS_AS(n * x, ValueError);
      CHECK_THROWS_AS(arange(n, 5, 1, d), ValueError);
    }
  CHECK_THROWS_AS(full({1}, 2, kBool), ValueError);
  CHECK_THROWS_AS(full({1}, uint64_t{1} << 63, kInt64), ValueError);
  CHECK_THROWS_AS(zeros({1}, kUInt8) + 256, ValueError);
  CHECK_THROWS_AS(arange(0, 1, 0.5), ValueError);
  CHECK(values(full({1}, 2.0, kInt32)) == std::vector<double>{2});
  CHECK(values(full({1}, true, kBool)) == std::vector<double>{1});
}
