// Tests x.index({...}): values and gradients against PyTorch, and errors.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/golden.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

std::optional<int64_t> bound(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<int64_t>();
}

// The entries of a golden's index.
std::vector<Index> places(const GoldenCase& c) {
  std::vector<Index> all;
  for (const nlohmann::json& place : c.arg("index")) {
    if (place.is_null()) all.push_back(None);
    else if (place.is_string()) all.push_back(Ellipsis);
    else if (place.is_number()) all.push_back(place.get<int64_t>());
    else if (place.contains("tensor")) all.push_back(c.input(place["tensor"]));
    else {
      const nlohmann::json& s = place["slice"];
      all.push_back(Slice(bound(s[0]), bound(s[1]), bound(s[2]).value_or(1)));
    }
  }
  return all;
}

Tensor index(const Tensor& x, const std::vector<Index>& i) {
  switch (i.size()) {
    case 1: return x.index({i[0]});
    case 2: return x.index({i[0], i[1]});
    case 3: return x.index({i[0], i[1], i[2]});
    default: FAIL("no golden has so many places"); return {};
  }
}

Tensor counting() { return arange(24, kFloat64).reshape({2, 3, 4}); }

}  // namespace

TEST_CASE("indexing gives PyTorch's values and gradients") {
  int compared = 0, refused = 0;
  for (const GoldenCase& c : read_goldens("indexing")) {
    INFO(c.name);
    Tensor x = c.input("x").clone().requires_grad_();
    if (c.inputs.size() > 2) {  // two tensors in one index, which vitro refuses
      CHECK_THROWS_AS(index(x, places(c)), ShapeError);
      ++refused;
      continue;
    }
    Tensor y = index(x, places(c));
    CHECK(difference(y, c.outputs[0], 0, 0) == "");
    CHECK(difference(grad(y, {x}, {.grad_outputs = {c.grad_output}})[0], c.grads[0], 0, 0) == "");
    ++compared;
  }
  CHECK(compared >= 19);
  CHECK(refused == 2);
}

TEST_CASE("indexing a transposed tensor equals indexing its contiguous copy") {
  Tensor x = counting().permute({2, 0, 1}), copy = x.contiguous();
  const Tensor ids = tensor({{-1, 0}, {2, 2}}), mask = gt(copy.select(2, 0), 7);
  CHECK(same_bits(x.index({ids, None, 1}), copy.index({ids, None, 1})));
  CHECK(same_bits(x.index({mask}), copy.index({mask})));
  CHECK(
      same_bits(x.index({Ellipsis, ids.t()[0]}), copy.index({Ellipsis, ids.t()[0].contiguous()})));
}

TEST_CASE("the axes of ids stay in the place of the axis that they index") {
  Tensor x = counting();
  const Tensor ids = tensor({{1, 0}, {2, 1}, {0, 0}});
  Tensor y = x.index({Slice(), ids});
  REQUIRE(y.shape() == Shape{2, 3, 2, 4});
  CHECK(y.index({1, 1, 0, 3}).item() == x.index({1, 2, 3}).item());
  CHECK(x.index({0, Slice(), tensor({3, 1, 0, 0, 2})}).shape() == Shape{3, 5});  // NumPy: (5, 3)
  CHECK(x.index({tensor({1}), Slice(), 0}).shape() == Shape{1, 3});
  CHECK(x.index({tensor(1)}).shape() == Shape{3, 4});  // scalar ids act like an integer
}

TEST_CASE("a mask covers as many axes as it has, in any place of the index") {
  Tensor x = counting();
  const Tensor mask = tensor(
      {{true, false, false, true}, {false, false, false, false}, {false, true, false, false}});
  CHECK(values(x.index({1, mask})) == std::vector<double>{12, 15, 21});
  CHECK(x.index({Slice(), mask}).shape() == Shape{2, 3});
  CHECK(x.index({Ellipsis, mask, None}).shape() == Shape{2, 3, 1});
}

TEST_CASE("slices are clipped as in Python") {
  Tensor x = arange(5);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(),
                    kMost = std::numeric_limits<int64_t>::max();
  struct {
    Slice slice;
    std::vector<double> expected;
  } const table[] = {
      {{-3, -1}, {2, 3}},
      {{-100, 2}, {0, 1}},
      {{3, 100}, {3, 4}},
      {{4, 2}, {}},
      {{7, 9}, {}},
      {{{}, -5}, {}},
      {{kLeast, kMost}, {0, 1, 2, 3, 4}},
      {{1, {}, 3}, {1, 4}},
      {{{}, {}, kMost}, {0}},
      {{-2, {}, 7}, {3}},
  };
  for (const auto& row : table) CHECK(values(x.index({row.slice})) == row.expected);
}

TEST_CASE("integers, slices, None and Ellipsis give views, tensors give copies") {
  Tensor x = counting();
  x.index({0, None, Slice(1, 3), Ellipsis}).fill_(-1);
  CHECK(x.index({0, 2, 3}).item() == -1);
  CHECK(x.index({0, 0, 3}).item() == 3);
  x.index({tensor({0})}).fill_(-2);
  CHECK(x.index({0, 0, 3}).item() == 3);
  CHECK(same_bits(x.index({}), x));
}

TEST_CASE("ids and masks change neither themselves nor the tensor") {
  Tensor x = arange(4), ids = tensor({-1, 0});
  (void)x.index({ids});
  CHECK(values(ids) == std::vector<double>{-1, 0});
  CHECK(ids.version() == tensor({-1, 0}).version());
}

TEST_CASE("every dtype can be indexed") {
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool}) {
    Tensor x = tensor({{0, 1}, {1, 0}, {1, 1}}, d);
    CHECK(same_bits(x.index({tensor({2, -2}), 1}), tensor({1, 0}, d)));
    CHECK(same_bits(x.index({tensor({false, true, true})}), tensor({{1, 0}, {1, 1}}, d)));
  }
}

TEST_CASE("the gradient of an index has a gradient") {
  Tensor x = counting().requires_grad_();
  auto f = [](const std::vector<Tensor>& in) {
    return (in[0] * in[0] * in[0]).index({Slice({}, {}, 1), tensor({0, -1, 0}), Slice(1, 3)});
  };
  CHECK(gradgradcheck(f, {(x.detach() / 24.0).requires_grad_()}));
}

TEST_CASE("a wrong index throws an error that says why") {
  const Tensor x = counting(), ids = tensor({0, 1});
  struct {
    std::function<void()> f;
    const char *what, *came;
  } const shape_errors[] = {
      {[&] {
         x.index({ids, ids});
       },
       "one tensor", "got 2"},
      {[&] {
         x.index({ids, tensor({true, false, true})});
       },
       "one tensor", "got 2"},
      {[&] {
         x.index({0, 0, 0, 0});
       },
       "3 axes", "got 4"},
      {[&] {
         x.index({0, gt(x, 1)});
       },
       "3 axes", "got 4"},
      {[&] {
         x.index({0, Ellipsis, 0, 0, 0});
       },
       "3 axes", "got 4"},
      {[&] { tensor(1.0).index({0}); }, "0 axes", "got 1"},
      {[&] {
         x.index({tensor({true, false, true})});
       },
       "sizes of (2, 3, 4) from axis 0 on", "got (3,)"},
      {[&] {
         x.index({0, tensor({{true, false}})});
       },
       "sizes of (3, 4) from axis 0 on", "got (1, 2)"},
      {[&] { x.index({tensor(true)}); }, "mask with axes", "scalar"},
      {[&] {
         x.index({Ellipsis, 0, Ellipsis});
       },
       "one Ellipsis", "got 2"},
      {[&] { x.index({Slice(0, 2, 0)}); }, "step", "got 0"},
      {[&] { x.index({Slice({}, {}, -1)}); }, "step", "got -1"},
      {[&] { x.index({2}); }, "[-2, 2) for axis 0 of (2, 3, 4)", "got 2"},
      {[&] {
         x.index({None, 0, -4});
       },
       "[-3, 3) for axis 1 of (2, 3, 4)", "got -4"},
      {[&] {
         x.index({Ellipsis, 4});
       },
       "[-4, 4) for axis 2 of (2, 3, 4)", "got 4"},
      {[&] {
         x.index({tensor({0, 2})});
       },
       "[-2, 2)", "got 2 at position 1 of (2,)"},
      {[&] {
         x.index({0, tensor({{0}, {-4}})});
       },
       "[-3, 3)", "got -4 at position 1 of (2, 1)"},
      {[&] { empty({0}).index({0}); }, "[0, 0)", "got 0"},
      {[&] { empty({0}).index({tensor({0})}); }, "[0, 0)", "got 0"},
      {[&] {
         x.index({zeros({1, 1, 1, 1, 1, 1, 1}, kInt64)});
       },
       "8 axes", "one more than"},
      {[&] {
         x.index({None, None, None, None, None, None});
       },
       "8 axes", "one more than"},
  };
  for (const auto& row : shape_errors)
    CHECK_THAT(message_of<ShapeError>(row.f), Contains(row.what) && Contains(row.came));
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt32, kUInt8})
    CHECK_THAT(message_of<DTypeError>([&] { x.index({ids.to(d)}); }),
               Contains("int64 ids or a bool mask") && Contains(std::string(dtype_name(d))));
  CHECK_THAT(message_of<ValueError>([&] { x.index({Tensor()}); }), Contains("undefined"));
  CHECK_THAT(message_of<ValueError>([&] { Tensor().index({0}); }), Contains("undefined"));
}
