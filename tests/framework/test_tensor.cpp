// Tests tensors: dtypes, layouts, aliasing, access to elements, conversions.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

constexpr DType kDTypes[] = {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool};

// `x[0] = y` would change nothing, so it does not compile.  A named handle can be assigned.
static_assert(!std::is_assignable_v<Tensor, const Tensor&>);
static_assert(!std::is_assignable_v<Tensor, Tensor>);
static_assert(std::is_assignable_v<Tensor&, const Tensor&>);
static_assert(std::is_assignable_v<Tensor&, Tensor>);
static_assert(std::is_nothrow_move_constructible_v<Tensor>);
static_assert(sizeof(Tensor) == sizeof(void*));

}  // namespace

TEST_CASE("an undefined tensor only tells that it is undefined; other methods throw") {
  Tensor x;
  CHECK_FALSE(x.defined());
  CHECK_FALSE(x.requires_grad());
  const std::function<void()> questions[] = {
      [&] { (void)x.shape(); },
      [&] { (void)x.strides(); },
      [&] { (void)x.rank(); },
      [&] { (void)x.numel(); },
      [&] { (void)x.dtype(); },
      [&] { (void)x.item(); },
      [&] { (void)x.size(0); },
      [&] { (void)x.is_contiguous(); },
      [&] { (void)x.version(); },
      [&] { (void)x.data<float>(); },
      [&] { (void)x.mutable_data<float>(); },
      [&] { (void)x.detach(); },
      [&] { (void)x.is_leaf(); },
      [&] { (void)x.grad(); },
      [&] { x.requires_grad_(); },
      [&] { (void)x.clone(); },
      [&] { (void)x.to(kFloat64); },
      [&] { (void)x[0]; },
      [&] { (void)x.sum(); },
      [&] { x.fill_(1); },
  };
  for (const auto& question : questions)
    CHECK_THAT(message_of<ValueError>(question), Contains("undefined"));
}

TEST_CASE("the seven dtypes") {
  const size_t sizes[] = {4, 8, 2, 8, 4, 1, 1};
  for (size_t i = 0; i < 7; ++i) {
    const DType d = kDTypes[i];
    INFO(d);
    CHECK(item_size(d) == sizes[i]);
    CHECK(is_floating(d) == (i < 3));
    CHECK(ones({2, 3}, d).dtype() == d);
    visit_dtype(d, [&]<class T>() {
      CHECK(sizeof(T) == item_size(d));
      CHECK(dtype_of<T>() == d);
      CHECK(ones({2}, d).data<T>()[1] == static_cast<T>(1));
    });
  }
  CHECK(dtype_of<long>() == kInt64);
  CHECK(dtype_of<long long>() == kInt64);
}

TEST_CASE("data<T>() is checked against the dtype, to read and to write") {
  for (DType held : kDTypes)
    for (DType asked : kDTypes) {
      Tensor x = zeros({2}, held);
      const uint64_t version = x.version();
      visit_dtype(asked, [&]<class T>() {
        if (held == asked) {
          CHECK(x.mutable_data<T>() == x.data<T>());
          return;
        }
        CHECK_THAT(
            message_of<DTypeError>([&] { (void)x.data<T>(); }),
            Contains(std::string(dtype_name(held))) && Contains(std::string(dtype_name(asked))));
        CHECK_THROWS_AS(x.mutable_data<T>(), DTypeError);
        CHECK(x.version() == version);
      });
    }
}

TEST_CASE("shape, size, strides and the number of elements") {
  Tensor x = zeros({2, 3, 4});
  CHECK(x.rank() == 3);
  CHECK(x.shape() == Shape{2, 3, 4});
  CHECK(x.strides() == Strides{12, 4, 1});
  CHECK(x.numel() == 24);
  CHECK(x.size(0) == 2);
  CHECK(x.size(-1) == 4);
  CHECK_THROWS_AS(x.size(3), ShapeError);
  CHECK_THROWS_AS(x.size(-4), ShapeError);
  CHECK_THROWS_AS(zeros({}).size(0), ShapeError);
  CHECK(zeros({}).numel() == 1);
  CHECK(zeros({2, 0, 3}).numel() == 0);
  CHECK(zeros({1, 1, 1, 1, 1, 1, 1, 1}).rank() == 8);
}

TEST_CASE("item() of one element, in any shape") {
  for (DType d : kDTypes) {
    CHECK(full({1, 1}, 1, d).item() == 1.0);
    CHECK(full({}, 1, d).item<int>() == 1);
    CHECK(full({}, 1, d).item<float>() == 1.0f);
  }
  const int64_t odd = (int64_t{1} << 53) + 1;  // no double holds it
  CHECK(tensor({odd}).item<int64_t>() == odd);
  CHECK(tensor(-2.75).item<int>() == -2);
  CHECK(tensor({{1, 2}, {3, 4}}).t()[0][1].item() == 3);
  CHECK_THAT(message_of<ShapeError>([] { (void)zeros({2}).item(); }), Contains("(2,)"));
  CHECK_THROWS_AS(zeros({0}).item(), ShapeError);
  CHECK_THROWS_AS(zeros({2}).item<int64_t>(), ShapeError);
}

TEST_CASE("views stride over the same storage") {
  Tensor x = arange(24).reshape({2, 3, 4});
  const int64_t* p = x.data<int64_t>();
  struct {
    Tensor view;
    Shape shape;
    Strides strides;
    int64_t offset;
    bool contiguous;
  } const table[] = {
      {x[1], {3, 4}, {4, 1}, 12, true},
      {x.permute({2, 0, 1}), {4, 2, 3}, {1, 12, 4}, 0, false},
      {x.transpose(-1, -2), {2, 4, 3}, {12, 1, 4}, 0, false},
      {x.slice(2, 1, 4, 2), {2, 3, 2}, {12, 4, 2}, 1, false},
      {x.narrow(0, 1, 1), {1, 3, 4}, {12, 4, 1}, 12, true},
      {x.select(1, -1), {2, 4}, {12, 1}, 8, false},
      {x.unsqueeze(1), {2, 1, 3, 4}, {12, 12, 4, 1}, 0, true},
      {x.view({6, 4}), {6, 4}, {4, 1}, 0, true},
      {x.flatten(), {24}, {1}, 0, true},
      {x[0][0].unsqueeze(0).expand({5, 4}), {5, 4}, {0, 1}, 0, false},
      {x.slice(0, 1, 1), {0, 3, 4}, {12, 4, 1}, 0, true},
  };
  for (const auto& row : table) {
    INFO(row.shape << " " << row.strides);
    CHECK(row.view.shape() == row.shape);
    for (int i = 0; i < row.shape.rank(); ++i)
      if (row.shape[i] != 1) CHECK(row.view.strides()[i] == row.strides[i]);
    CHECK(row.view.data<int64_t>() == p + row.offset);
    CHECK(row.view.is_contiguous() == row.contiguous);
    CHECK(same_bits(row.view, row.view.clone()));
    CHECK(row.view.clone().is_contiguous());
  }
}

TEST_CASE("a copied handle is the same tensor, clone() makes a new one") {
  Tensor x = tensor({1.0, 2.0}), alias = x, other = x.clone();
  alias.mutable_data<float>()[0] = 5;
  CHECK(values(x) == std::vector<double>{5, 2});
  CHECK(values(other) == std::vector<double>{1, 2});
  alias.requires_grad_();
  CHECK(x.requires_grad());  // the array changed, which both handles share

  x = other;  // rebinds x; `alias` still has the old array
  CHECK(values(alias) == std::vector<double>{5, 2});
  CHECK_FALSE(x.requires_grad());

  Tensor moved = std::move(alias);
  CHECK(values(moved) == std::vector<double>{5, 2});
}

TEST_CASE("methods that share the storage, and methods that copy") {
  Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}}, kFloat64);
  const double* p = x.data<double>();
  CHECK(x.detach().data<double>() == p);
  CHECK(x.to(kFloat64).data<double>() == p);
  CHECK(x.contiguous().data<double>() == p);
  CHECK(x.reshape({4}).data<double>() == p);
  CHECK(x.t().data<double>() == p);
  CHECK(x.clone().data<double>() != p);
  CHECK(x.t().contiguous().data<double>() != p);
  CHECK(x.t().reshape({4}).data<double>() != p);
  CHECK_THROWS_AS(x.t().view({4}), ShapeError);
}

TEST_CASE("a write increases the version, which all views share") {
  Tensor x = zeros({2, 3}), view = x.t(), alias = x.detach(), copy = x.clone();
  const uint64_t before = x.version(), of_copy = copy.version();
  (void)x.data<float>();
  CHECK(x.version() == before);
  (void)view.mutable_data<float>();
  CHECK(x.version() == before + 1);
  CHECK(alias.version() == before + 1);
  x.add_(1);
  CHECK(view.version() == before + 2);
  CHECK(copy.version() == of_copy);
}

TEST_CASE("every dtype converts to every other") {
  for (DType from : kDTypes)
    for (DType to : kDTypes) {
      INFO(from << " to " << to);
      Tensor x = tensor({0, 1, 1, 0, 1, 1}, from).reshape({2, 3});
      Tensor expected = tensor({0, 1, 1, 0, 1, 1}, to).reshape({2, 3});
      CHECK(same_bits(x.to(to), expected));
      CHECK(same_bits(x.t().to(to), expected.t()));
      CHECK(same_bits(x.slice(1, 0, 3, 2).to(to), expected.slice(1, 0, 3, 2)));
      CHECK(x.t().to(to).numel() == 6);
    }
  CHECK(same_bits(tensor({1.9, -1.9, 0.5}).to(kInt64), tensor({1, -1, 0})));  // rounds towards zero
  CHECK(same_bits(tensor({0.25, 0.0, -3.0}).to(kBool), tensor({true, false, true})));
  CHECK(same_bits(tensor({2, 0, -1}).to(kBool), tensor({true, false, true})));
  const Tensor nan = tensor({std::numeric_limits<double>::quiet_NaN()}, kFloat64);
  for (DType d : {kFloat32, kBFloat16}) {
    CHECK(std::isnan(nan.to(d).item()));
    CHECK(nan.to(d).to(kBool).item<int>() == 1);
  }
}

TEST_CASE("the gradient of a converted tensor has the dtype of the original") {
  Tensor x = tensor({0.5, 2.0}, kFloat64);
  x.requires_grad_();
  (x.to(kFloat32) * 3.0).sum().backward();
  CHECK(same_bits(x.grad(), tensor({3.0, 3.0}, kFloat64)));
  CHECK_FALSE(x.to(kInt64).requires_grad());
}

TEST_CASE("bfloat16 rounds to nearest even and keeps every value that it has") {
  // Converts all bit patterns to float32 and back, contiguous and strided.
  Tensor all = empty({65536}, kBFloat16);
  for (uint32_t bits = 0; bits < 65536; ++bits)
    all.mutable_data<BFloat16>()[bits].bits = static_cast<uint16_t>(bits);
  Tensor twice = stack({all, all}, 1).select(1, 0);
  for (const Tensor& x : {all, twice}) {
    Tensor back = x.to(kFloat32).to(kBFloat16), strided = x.to(kFloat64).to(kBFloat16);
    int wrong = 0;
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const bool nan = (bits & 0x7fff) > 0x7f80;
      const uint32_t got = back.data<BFloat16>()[bits].bits;
      wrong += nan ? (got & 0x7fff) <= 0x7f80 : got != bits;
      wrong += nan && !std::isnan(static_cast<float>(strided.data<BFloat16>()[bits]));
    }
    CHECK(wrong == 0);
  }
  struct {
    float x;
    uint16_t bits;
  } const table[] = {{1.0f, 0x3f80},          {1.00390625f, 0x3f80},
                     {1.01171875f, 0x3f82},   {1.003907f, 0x3f81},
                     {-1.00390625f, 0xbf80},  {3.3895314e38f, 0x7f7f},
                     {3.3961775e38f, 0x7f80}, {3.4e38f, 0x7f80},
                     {0.1f, 0x3dcd},          {0.0f, 0},
                     {-0.0f, 0x8000}};
  for (const auto& row : table) {
    INFO(row.x);
    CHECK(BFloat16(row.x).bits == row.bits);
    CHECK(full({}, row.x).to(kBFloat16).data<BFloat16>()->bits == row.bits);
  }
}

TEST_CASE("tensor: transposes are copied by value, whole or as parts, in every dtype") {
  manual_seed(4);
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool})
    for (const auto& [rows, columns] :
         {std::pair<int64_t, int64_t>{1, 70}, {70, 1}, {33, 64}, {45, 71}, {300, 301}}) {
      INFO(d << ' ' << rows << ' ' << columns);
      const Tensor wide = randint(0, d == kBool ? 2 : 100, {rows, columns + 3}, kInt64).to(d),
                   x = wide.narrow(1, 2, columns), y = x.t().contiguous(),
                   into = zeros({columns, rows + 2}, d);
      into.narrow(1, 1, rows).copy_(x.t());
      const std::vector<double> all = values(wide), copied = values(y), part = values(into);
      int64_t wrong = 0;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          const double v = all[static_cast<size_t>(i * (columns + 3) + j + 2)];
          wrong += copied[static_cast<size_t>(j * rows + i)] != v;
          wrong += part[static_cast<size_t>(j * (rows + 2) + i + 1)] != v;
        }
      CHECK(wrong == 0);
    }
}
