// Tests equal and allclose, which give one bool for two tensors.
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

TEST_CASE("equal compares shapes and every element") {
  const Tensor x = tensor({{1.0, 2.0}, {3.0, -0.0}});
  struct Case {
    Tensor other;
    bool is_equal;
  };
  const Case table[] = {
      {tensor({{1.0, 2.0}, {3.0, 0.0}}), true},
      {contiguous(x.t()).t(), true},
      {tensor({{1.0, 2.0}, {3.0, 1.0}}), false},
      {tensor({{0.0, 2.0}, {3.0, 0.0}}), false},
      {tensor({1.0, 2.0, 3.0, 0.0}), false},  // the same elements in another shape
      {tensor({{1.0, 2.0}}), false},
  };
  for (const Case& c : table) {
    CAPTURE(c.other);
    CHECK(equal(x, c.other) == c.is_equal);
    CHECK(equal(c.other, x) == c.is_equal);
    if (x.shape() == c.other.shape()) CHECK(allclose(x, c.other) == c.is_equal);
  }
  const Tensor nan = tensor({std::nan("")});
  CHECK_FALSE(equal(nan, nan));
  CHECK(equal(empty({0, 2}), empty({0, 2})));
  CHECK_FALSE(equal(empty({0, 2}), empty({2, 0})));
  CHECK(equal(tensor({true, false}), tensor({true, false})));
  CHECK_FALSE(equal(tensor({INT64_MAX}), tensor({INT64_MAX - 1})));
  CHECK_THROWS_AS(equal(x, x.to(kFloat64)), DTypeError);
  CHECK_THROWS_AS(equal(x, Tensor()), ValueError);
}

TEST_CASE("allclose allows atol + rtol |b|") {
  const double inf = INFINITY;
  struct Case {
    double a, b, rtol, atol;
    bool is_close;
  };
  const Case table[] = {
      {100, 101, 0.01, 0, true},   {101, 100, 0.00999, 0, false},  // relative to b
      {0, 1e-9, 1e-5, 1e-8, true}, {0, 1e-7, 1e-5, 1e-8, false},  {1, -1, 0, 2, true},
      {1, -1, 0, 1.9, false},      {inf, inf, 0, 0, true},        {inf, -inf, 1, 1, false},
      {1, inf, 1, 1, false},       {inf, 1, 1, 1, false},         {NAN, NAN, 1, 1, false},
      {NAN, 1, 1, 1, false},       {-100, -101, 0.01, 0, true},
  };
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (const Case& c : table) {
      CAPTURE(dtype, c.a, c.b, c.rtol, c.atol);
      CHECK(allclose(full({3}, c.a, dtype), full({3}, c.b, dtype), c.rtol, c.atol) == c.is_close);
    }
  CHECK(allclose(ones({2, 3}), ones({3})));
  CHECK_FALSE(allclose(ones({2, 3}), tensor({1.0, 1.0, 2.0})));
  CHECK(allclose(tensor({10, 20}), tensor({10, 21}), 0.05));
  CHECK_FALSE(allclose(tensor({10, 20}), tensor({10, 22}), 0.05));
  CHECK(allclose(empty({0}), empty({0})));
  CHECK_THROWS_AS(allclose(ones({2}), ones({3})), ShapeError);
  CHECK_THROWS_AS(allclose(ones({2}), ones({2}, kFloat64)), DTypeError);
}
