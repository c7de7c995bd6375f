// Tests means, variances and norms where rounding, overflow or cancellation would show.
#include <catch2/catch.hpp>

#include "framework/autograd/gradcheck.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

const DType kReduced[] = {kFloat32, kFloat64, kBFloat16};

// The largest difference, divided by the largest |wanted|.
double relative_difference(const Tensor& got, const Tensor& wanted) {
  const double scale = abs(wanted.to(kFloat64)).max().item();
  return max_difference(got.to(kFloat64), wanted.to(kFloat64)) / (scale > 0 ? scale : 1);
}

// f(x), and its gradient for dy = 1, 2, ..., with or without create_graph.
template <class F>
std::vector<Tensor> value_and_gradient(const Tensor& x, bool create_graph, F f) {
  Tensor in = x.clone().requires_grad_();
  const Tensor y = f(in), dy = (arange(y.numel(), kFloat64) + 1.0).reshape(y.shape());
  const Tensor dx =
      grad(y, {in}, {.grad_outputs = {dy.to(x.dtype())}, .create_graph = create_graph})[0];
  return {y.detach(), dx.detach()};
}

}  // namespace

TEST_CASE("reductions: the mean of equal whole numbers is that number, and its gradient 1 / n") {
  for (DType d : {kFloat32, kFloat64})
    for (double value : {1.0, -3.0})
      for (int64_t n = 1; n <= 1000; ++n) {
        CAPTURE(d, value, n);
        const Tensor x = full({n}, value, d);
        REQUIRE(mean(x).item() == value);
        REQUIRE(max_difference(mean(expand(x, {2, n}), 1), full({2}, value, d)) == 0);
        REQUIRE(max_difference(mean(reshape(x, {n, 1}), 0), full({1}, value, d)) == 0);
        Tensor leaf = x.detach().requires_grad_();
        mean(leaf).backward();
        REQUIRE(leaf.grad().select(0, 0).item() ==
                (d == kFloat32 ? static_cast<double>(1 / static_cast<float>(n))
                               : 1 / static_cast<double>(n)));
      }
}

TEST_CASE("reductions: equal numbers have variance 0") {
  for (DType d : kReduced)
    for (double value : {1.0, 0.1, -1e10})
      for (int64_t n = 2; n <= 300; n += n < 40 ? 1 : 37) {
        CAPTURE(d, value, n);
        CHECK(var(full({n}, value, d)).item() == 0);
        CHECK(max(var(full({3, n}, value, d), 1)).item() == 0);
        CHECK(max(var(full({n, 3}, value, d), 0)).item() == 0);
      }
  CHECK(var(full({200'000}, 0.1)).item() == 0);
}

TEST_CASE("reductions: the variance of numbers that vary little relative to their size") {
  manual_seed(5);
  const Tensor spread = randn({3, 50, 70}, kFloat64);
  for (double offset : {1.0, 1e3, 1e5})
    for (DType d : {kFloat32, kBFloat16}) {
      const Tensor x = (spread + offset).to(d), wide = x.to(kFloat64);
      for (int64_t axis : {-4, 0, 1, 2})  // -4: all axes
        for (bool create_graph : {false, true}) {
          CAPTURE(offset, d, axis, create_graph);
          const auto f = [axis](const Tensor& t) { return axis == -4 ? var(t) : var(t, axis); };
          const auto got = value_and_gradient(x, create_graph, f),
                     wanted = value_and_gradient(wide, create_graph, f);
          CHECK(relative_difference(got[0], wanted[0]) < (d == kFloat32 ? 3e-6 : 8e-3));
          CHECK(relative_difference(got[1], wanted[1]) < (d == kFloat32 ? 3e-6 : 2e-2));
        }
    }
}

TEST_CASE("reductions: var of at most `correction` numbers is infinite or NaN") {
  for (DType d : kReduced)
    for (int64_t correction : {2, 5}) {
      CAPTURE(d, correction);
      const Tensor x = tensor({{1, 3}, {2, 2}}, d);
      const auto f = [=](const Tensor& t) { return var(t, 1, {.correction = correction}); };
      const auto got = value_and_gradient(x, /*create_graph=*/false, f);
      CHECK(max_difference(got[0], tensor({kInf, kNaN})) == 0);
      CHECK(max_difference(got[1], tensor({{-kInf, kInf}, {kNaN, kNaN}})) == 0);
    }
  CHECK(std::isnan(var(tensor(2.0)).item()));
  CHECK(std::isnan(var(zeros({0})).item()));
  CHECK(var(tensor(2.0), {.correction = 0}).item() == 0);
}

TEST_CASE("reductions: norms whose squares overflow or underflow") {
  manual_seed(6);
  const Tensor x = randn({4, 30, 5}, kFloat64);
  struct {
    DType dtype;
    double tolerance;
    std::vector<double> scales;
  } const table[] = {{kFloat32, 1e-6, {1, 3e-20, 1e-25, 1e-30, 1e20, 1e30}},
                     {kBFloat16, 1e-2, {1, 3e-20, 1e20}},
                     {kFloat64, 1e-14, {1, 1e-170, 1e-290, 1e170, 1e300}}};
  for (const auto& row : table)
    for (double scale : row.scales)
      for (int64_t axis : {-4, 0, 1, 2})
        for (bool create_graph : {false, true}) {
          CAPTURE(row.dtype, scale, axis, create_graph);
          const auto f = [axis](const Tensor& t) { return axis == -4 ? norm(t) : norm(t, axis); };
          const auto wanted = value_and_gradient(x, create_graph, f),
                     got = value_and_gradient((x * scale).to(row.dtype), create_graph, f);
          CHECK(relative_difference(got[0].to(kFloat64) / scale, wanted[0]) < row.tolerance);
          CHECK(relative_difference(got[1], wanted[1]) < 2 * row.tolerance);
        }
  // One tensor with rows of all sizes.
  const Tensor rows = tensor({{3e-20, 4e-20}, {0, 0}, {3e20, 4e20}, {3, 4}, {kInf, 1}, {kNaN, 1}});
  CHECK(relative_difference(narrow(norm(rows, 1), 0, 0, 2), tensor({5e-20, 0})) < 1e-6);
  CHECK(relative_difference(narrow(norm(rows, 1), 0, 2, 2), tensor({5e20, 5})) < 1e-6);
  CHECK(max_difference(narrow(norm(rows, 1), 0, 4, 2), tensor({kInf, kNaN})) == 0);
  CHECK(same_bits(norm(transpose(rows, 0, 1), 0), norm(rows, 1)));
  Tensor leaf = narrow(rows, 0, 0, 4).clone().requires_grad_();
  sum(norm(leaf, 1)).backward();
  CHECK(max_difference(leaf.grad(), tensor({{.6, .8}, {0, 0}, {.6, .8}, {.6, .8}})) < 1e-6);
}

TEST_CASE("norms: rows of any size and offset, in every dtype, forward and backward") {
  manual_seed(7);
  for (int64_t n : {16, 37, 768}) {
    const Tensor z = randn({3, n}, kFloat64), w = randn({n}, kFloat64);
    struct {
      DType dtype;
      double scale, offset, tolerance;
    } const table[] = {
        {kFloat32, 1, 0, 2e-6},      {kFloat32, 1e20, 0, 2e-6},    {kFloat32, 1e36, 0, 2e-6},
        {kFloat32, 1e-20, 0, 2e-6},  {kFloat32, 1, 1e2, 4e-6},     {kFloat32, 1, 1e4, 4e-6},
        {kFloat32, 1e-3, 1e3, 2e-5}, {kFloat32, 1e-2, 1e5, 2e-5},  {kFloat32, 1e20, 1e24, 4e-6},
        {kBFloat16, 1, 0, 1e-2},     {kBFloat16, 1e20, 0, 1e-2},   {kBFloat16, 1, 100, 1e-2},
        {kFloat64, 1e200, 0, 1e-14}, {kFloat64, 1e-200, 0, 1e-14}, {kFloat64, 1, 1e8, 1e-12}};
    for (const auto& row : table)
      for (bool centered : {true, false})
        for (bool create_graph : {false, true}) {
          CAPTURE(n, row.dtype, row.scale, row.offset, centered, create_graph);
          const double eps = row.scale < 1e-10 ? 0 : 1e-5;
          // The reference has rows of about 1.  Tiny rows are computed without eps, because eps
          // would be larger than their variance.
          const Tensor x = (z * row.scale + row.offset).to(row.dtype),
                       wide = (x.to(kFloat64) - (centered ? row.offset : 0.0)) / row.scale;
          const auto f = [=](const Tensor& t, double e) {
            const Tensor v = w.to(t.dtype());
            return centered ? layer_norm(t, v, {}, e) : rms_norm(t, v, e);
          };
          const auto got =
              value_and_gradient(x, create_graph, [&](const Tensor& t) { return f(t, eps); });
          const auto wanted = value_and_gradient(wide, create_graph, [&](const Tensor& t) {
            return f(t, eps / row.scale / row.scale);
          });
          CHECK(relative_difference(got[0], wanted[0]) < row.tolerance);
          if (!centered && row.offset != 0) continue;  // the gradient nearly cancels
          CHECK(relative_difference(got[1].to(kFloat64) * row.scale, wanted[1]) <
                3 * row.tolerance);
        }
  }
}
