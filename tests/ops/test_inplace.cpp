// Arithmetic in place: values, overlap, versions and errors.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Values = std::vector<double>;

namespace {

struct InPlace {
  const char* name;
  std::function<void(Tensor&, const Tensor&)> change;
  std::function<double(double, double)> formula;
};
const InPlace kOps[] = {
    {"add_", [](Tensor& y, const Tensor& x) { y.add_(x); },
     [](double y, double x) { return y + x; }},
    {"sub_", [](Tensor& y, const Tensor& x) { y.sub_(x); },
     [](double y, double x) { return y - x; }},
    {"mul_", [](Tensor& y, const Tensor& x) { y.mul_(x); },
     [](double y, double x) { return y * x; }},
    {"div_", [](Tensor& y, const Tensor& x) { y.div_(x); },
     [](double y, double x) { return y / x; }},
    {"copy_", [](Tensor& y, const Tensor& x) { y.copy_(x); }, [](double, double x) { return x; }},
};

// The values that the op's formula gives on copies, where nothing overlaps.
Values expected(const InPlace& op, const Tensor& y, const Tensor& x) {
  const Values a = values(y), b = values(x.expand(y.shape()));
  Values out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(op.formula(a[i], b[i]));
  return out;
}

}  // namespace

TEST_CASE("each op changes the tensor to its formula, broadcasting the source") {
  for (const InPlace& op : kOps)
    for (DType d : {kFloat32, kFloat64, kBFloat16})
      for (const Shape& shape : {Shape{2, 3}, Shape{3}, Shape{2, 1}, Shape{}, Shape{1, 1}}) {
        INFO(op.name << " " << d << " " << shape);
        Tensor y = (arange(6, kFloat64) + 1.0).reshape({2, 3}).to(d), x = full(shape, 2, d),
               same = y;
        const Values after = expected(op, y, x);
        const uint64_t version = y.version();
        op.change(y, x);
        CHECK(values(y) == after);
        CHECK(values(same) == after);  // the tensor itself changed
        CHECK(y.version() == version + 1);
      }
}

TEST_CASE("numbers in place, and integers") {
  Tensor x = tensor({2.0, 4.0});
  CHECK(values(x.add_(1)) == Values{3, 5});
  CHECK(values(x.sub_(2)) == Values{1, 3});
  CHECK(values(x.mul_(6)) == Values{6, 18});
  CHECK(values(x.div_(3)) == Values{2, 6});
  CHECK(values(x.fill_(7)) == Values{7, 7});
  CHECK(values(x.zero_()) == Values{0, 0});
  for (DType d : {kInt64, kInt32, kUInt8}) {
    Tensor n = tensor({5, 7}, d);
    CHECK(values(n.add_(3).mul_(tensor({2, 3}, d)).sub_(1)) == Values{15, 29});
    CHECK_THROWS_AS(n.div_(2), DTypeError);
    CHECK_THROWS_AS(n.add_(0.5), ValueError);
    CHECK_THROWS_AS(n.fill_(0.5), ValueError);
  }
  Tensor flags = tensor({true, false});
  CHECK(values(flags.fill_(1)) == Values{1, 1});
  CHECK_THROWS_AS(flags.add_(flags), DTypeError);
  Tensor empty_one = zeros({0, 3});
  CHECK_NOTHROW(empty_one.add_(1).fill_(2).copy_(zeros({3})));
}

TEST_CASE("copy_ converts dtypes, arithmetic does not") {
  Tensor x = zeros({3}, kInt64);
  CHECK(values(x.copy_(tensor({1.9, -1.9, 3.0}))) == Values{1, -1, 3});
  CHECK(x.dtype() == kInt64);
  CHECK(values(zeros({2}, kBFloat16).copy_(tensor({true, false}))) == Values{1, 0});
  CHECK_THROWS_AS(zeros({2}).add_(ones({2}, kFloat64)), DTypeError);
}

TEST_CASE("changes go through views") {
  Tensor x = zeros({3, 4});
  x[1].add_(1);
  x.t()[0].add_(10);
  x.slice(1, 1, 4, 2).slice(0, 2, 3).fill_(5);
  CHECK(values(x) == Values{10, 0, 0, 0, 11, 1, 1, 1, 10, 5, 0, 5});
  x.permute({1, 0}).copy_(arange(12, kFloat32).reshape({4, 3}));
  CHECK(values(x) == Values{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11});
}

TEST_CASE("a source that overlaps its destination is read before it is written") {
  for (const InPlace& op : kOps)
    for (int64_t n : {6, 300}) {  // 300 is more than one chunk and one register
      INFO(op.name << " " << n);
      auto square = [n] {
        return (arange(static_cast<double>(n * n), kFloat64) + 1.0).reshape({n, n});
      };
      struct {
        const char* what;
        std::function<Tensor(const Tensor&)> to, from;
      } const table[] = {
          {"itself", [](const Tensor& m) { return m; }, [](const Tensor& m) { return m; }},
          {"its transpose", [](const Tensor& m) { return m; },
           [](const Tensor& m) { return m.t(); }},
          {"one row down", [n](const Tensor& m) { return m.narrow(0, 1, n - 1); },
           [n](const Tensor& m) { return m.narrow(0, 0, n - 1); }},
          {"one row up", [n](const Tensor& m) { return m.narrow(0, 0, n - 1); },
           [n](const Tensor& m) { return m.narrow(0, 1, n - 1); }},
          {"one column right", [n](const Tensor& m) { return m.narrow(1, 1, n - 1); },
           [n](const Tensor& m) { return m.narrow(1, 0, n - 1); }},
          {"its own row", [](const Tensor& m) { return m; }, [](const Tensor& m) { return m[1]; }},
          {"its own element", [](const Tensor& m) { return m; },
           [](const Tensor& m) { return m[1][1]; }},
          {"its own column", [](const Tensor& m) { return m; },
           [](const Tensor& m) { return m.narrow(1, 2, 1); }},
      };
      for (const auto& row : table) {
        INFO(row.what);
        Tensor m = square(), y = row.to(m);
        const Values after = expected(op, y, row.from(m));
        op.change(y, row.from(m));
        CHECK((values(y) == after));  // in parentheses, because there are too many values to print
      }
    }
}

TEST_CASE("an expanded destination, whose elements share memory, is refused") {
  Tensor x = ones({3, 1}), y = x.expand({3, 4});
  for (const InPlace& op : kOps)
    CHECK_THAT(message_of<GraphError>([&] { op.change(y, ones({3, 4})); }), Contains("clone()"));
  CHECK_THROWS_AS(y.fill_(2), GraphError);
  CHECK_THROWS_AS(y.add_(2), GraphError);
  CHECK(values(x) == Values{1, 1, 1});
  CHECK(x.version() == ones({3, 1}).version());
  CHECK_NOTHROW(x.expand({3, 1}).add_(1));
}

TEST_CASE("a source that does not fit is refused, and nothing changes") {
  Tensor y = ones({2, 3});
  const uint64_t version = y.version();
  for (const InPlace& op : kOps) {
    INFO(op.name);
    CHECK_THAT(message_of<ShapeError>([&] { op.change(y, ones({2})); }), Contains("(2,)"));
    CHECK_THROWS_AS(op.change(y, ones({2, 2, 3})), ShapeError);
    CHECK_THROWS_AS(op.change(y, ones({4, 3})), ShapeError);
    CHECK_THROWS_AS(op.change(y, Tensor()), Error);
    Tensor undefined;
    CHECK_THROWS_AS(op.change(undefined, y), Error);
  }
  CHECK(values(y) == Values(6, 1));
  CHECK(y.version() == version);
}

TEST_CASE("a tensor that requires grad changes only while nothing is recorded") {
  Tensor leaf = ones({3}).requires_grad_();
  Tensor interior = leaf * 2.0;
  const uint64_t version = leaf.version();
  for (Tensor x : {leaf, interior, leaf.slice(0, 0, 2), interior[0]}) {
    for (const InPlace& op : kOps)
      CHECK_THAT(message_of<GraphError>([&] { op.change(x, ones({})); }), Contains("NoGradGuard"));
    CHECK_THROWS_AS(x.fill_(2), GraphError);
    CHECK_THROWS_AS(x.zero_(), GraphError);
    CHECK_THROWS_AS(x.mul_(2), GraphError);
  }
  CHECK(leaf.version() == version);
  {
    NoGradGuard unrecorded;
    for (const InPlace& op : kOps) op.change(leaf, full({3}, 2));
    leaf.fill_(4);
  }
  CHECK(leaf.version() == version + 6);
  CHECK(leaf.requires_grad());
  CHECK(leaf.is_leaf());
  CHECK(values(leaf) == Values{4, 4, 4});
}

TEST_CASE("a source that requires grad is refused if the destination does not") {
  Tensor source = ones({3}).requires_grad_(), y = zeros({3});
  for (const InPlace& op : kOps) {
    CHECK_THAT(message_of<GraphError>([&] { op.change(y, source); }), Contains("detach()"));
    CHECK_THROWS_AS(op.change(y, source * 2.0), GraphError);
    CHECK_NOTHROW(op.change(y, source.detach()));
    NoGradGuard unrecorded;
    CHECK_NOTHROW(op.change(y, source));
    CHECK_FALSE(y.requires_grad());
  }
}

TEST_CASE("bfloat16 in place computes in float32 and rounds once") {
  Tensor x = tensor({1.0, 3.0}, kBFloat16), y = tensor({0.00390625, 0.01171875}, kBFloat16);
  x.add_(y);  // 1 + 2^-8 is a tie, and rounds to even
  CHECK(values(x) == Values{1, 3.015625});
  Tensor wide = randn({1000}).to(kBFloat16), other = randn({1000}).to(kBFloat16);
  const Tensor once = (wide.to(kFloat32) * other.to(kFloat32)).to(kBFloat16);
  CHECK(same_bits(wide.mul_(other), once));
}
