// Tests clipping of gradients near the limits of float32, float64 and bfloat16.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

Tensor with_gradient(const Tensor& gradient) {
  Tensor p = zeros(gradient.shape(), gradient.dtype()).requires_grad_();
  p.set_grad(gradient);
  return p;
}

}  // namespace

TEST_CASE("clip_grad_norm_: squares neither overflow nor vanish") {
  struct {
    DType dtype;
    double g, tolerance;
  } const table[] = {{kFloat32, 1e19, 1e-6},   {kFloat32, 1e-25, 1e-6},  {kFloat32, 3e38, 1e-6},
                     {kFloat32, 2e-38, 1e-6},  {kFloat32, 1, 1e-6},      {kBFloat16, 1e19, 8e-3},
                     {kBFloat16, 1e-25, 8e-3}, {kFloat64, 1e160, 1e-12}, {kFloat64, 1e-170, 1e-12}};
  for (const auto& row : table)
    for (int64_t n : {1, 128, 40'000})
      for (double max_norm : {2.0, 1e-3}) {
        CAPTURE(row.dtype, row.g, n, max_norm);
        const Tensor p = with_gradient(full({n}, row.g, row.dtype)),
                     zero = with_gradient(zeros({100}, row.dtype));
        const double norm = row.g * std::sqrt(static_cast<double>(n)),
                     clipped = std::min(row.g, row.g * (max_norm / (norm + 1e-6)));
        CHECK(optim::clip_grad_norm_({zero, p}, max_norm) ==
              Approx(norm).epsilon(row.tolerance).margin(0));
        CHECK(p.grad().select(0, 0).item() == Approx(clipped).epsilon(row.tolerance).margin(0));
        CHECK(zero.grad().max().item() == 0);
      }
  CHECK(optim::clip_grad_norm_({with_gradient(zeros({3}))}, 1) == 0);
}

TEST_CASE("clip_grad_norm_: NaN and infinite norms, and a bound of 0") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    const Tensor a = with_gradient(tensor({kNaN, 2.0f}, dtype)),
                 b = with_gradient(tensor({5}, dtype));
    CHECK(std::isnan(optim::clip_grad_norm_({b, a}, 1)));
    CHECK(max_difference(a.grad(), tensor({kNaN, 2.0f})) == 0);
    CHECK(b.grad().item() == 5);

    const Tensor c = with_gradient(tensor({-kInf, 2.0f}, dtype));
    CHECK(optim::clip_grad_norm_({b, c}, 1) == HUGE_VAL);  // the scale is 1 / infinity
    CHECK(max_difference(c.grad(), tensor({kNaN, 0.0f})) == 0);
    CHECK(b.grad().item() == 0);

    const Tensor d = with_gradient(tensor({3, -4}, dtype));
    CHECK(optim::clip_grad_norm_({d}, 0) == 5);
    CHECK(max_difference(d.grad(), zeros({2})) == 0);
  }
  CHECK_THROWS_AS(optim::clip_grad_norm_({}, kNaN), ValueError);
}
