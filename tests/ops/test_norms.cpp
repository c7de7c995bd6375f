// Tests the kernels of layer_norm and rms_norm against float64, at every length and at their
// limits.
#include <catch2/catch.hpp>
#include <random>

#include "ops/simd/norm.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr float kUntouched = 777;

std::vector<float> floats(std::mt19937_64& random, int64_t n, double middle = 0) {
  std::normal_distribution<float> normal(static_cast<float>(middle), 1);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random);
  return x;
}
Tensor wide(std::vector<float>& x, int64_t n) { return from_blob(x.data(), {n}).to(kFloat64); }

// The largest difference from `expected`; infinite if the kernel wrote beyond the row.
double rows_difference(const std::vector<float>& got, const Tensor& expected) {
  const std::vector<double> e = values(expected);
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (i < e.size()) most = std::max(most, std::abs(got[i] - e[i]));
    else if (got[i] != kUntouched) return HUGE_VAL;
  }
  return most;
}

}  // namespace

TEST_CASE("norms: the kernels agree with float64 at every length") {
  std::mt19937_64 random(3);
  for (int64_t n = 1; n <= 200; n += n < 70 ? 1 : 43)
    for (bool centered : {true, false}) {
      INFO("n = " << n << (centered ? ", layer_norm" : ", rms_norm"));
      std::vector<float> x = floats(random, n, 3), w = floats(random, n), b = floats(random, n),
                         dy = floats(random, n);
      const auto room = static_cast<size_t>(n) + 20;
      std::vector<float> y(room, kUntouched), dx(room, kUntouched), dw(room, kUntouched),
          db(room, kUntouched);
      std::fill_n(dw.begin(), n, 0.5f), std::fill_n(db.begin(), n, 0.25f);  // backward adds to them
      constexpr float kEps = 0.01f;
      const auto forward = centered ? simd::layer_norm : simd::rms_norm;
      const auto backward = centered ? simd::layer_norm_backward : simd::rms_norm_backward;
      const simd::NormRow row =
          forward(x.data(), w.data(), centered ? b.data() : nullptr, kEps, y.data(), n);
      backward(x.data(), w.data(), dy.data(), kEps, row, {dx.data(), dw.data(), db.data()}, n);

      Tensor x64 = wide(x, n).requires_grad_(), w64 = wide(w, n).requires_grad_(),
             b64 = wide(b, n).requires_grad_();
      Tensor expected = centered ? layer_norm(x64, w64, b64, kEps) : rms_norm(x64, w64, kEps);
      expected.backward(wide(dy, n));
      CHECK(rows_difference(y, expected) < 2e-5);
      CHECK(rows_difference(dx, x64.grad()) < 2e-5 * std::max(1.0f, row.rstd));
      CHECK(rows_difference(dw, w64.grad() + 0.5) < 2e-5);
      CHECK(rows_difference(db, wide(dy, n) + 0.25) < 1e-6);

      // The kernels also run without weight, bias and gradients.
      forward(x.data(), nullptr, nullptr, kEps, y.data(), n);
      CHECK(rows_difference(y, centered ? layer_norm(wide(x, n), {}, {}, kEps)
                                        : rms_norm(wide(x, n), {}, kEps)) < 2e-5);
      backward(x.data(), nullptr, dy.data(), kEps, row, {nullptr, nullptr, nullptr}, n);
    }
}

TEST_CASE("norms: far from zero, constant, NaN and infinite rows") {
  std::mt19937_64 random(4);
  std::vector<float> far = floats(random, 768, 1e4);
  Tensor x = from_blob(far.data(), {768});
  CHECK(max_difference(layer_norm(x), layer_norm(x.to(kFloat64)).to(kFloat32)) < 2e-3);
  CHECK(max_difference(layer_norm(full({40}, 3.0)), zeros({40})) == 0);
  CHECK(max_difference(layer_norm(zeros({2, 3})), zeros({2, 3})) == 0);
  for (double bad : {NAN, INFINITY}) {
    Tensor rows = ones({2, 20});
    rows[0].select(0, 7).fill_(bad);
    CHECK(std::isnan(layer_norm(rows)[0].select(0, 7).item()));
    CHECK(std::isnan(rms_norm(rows)[0].select(0, 7).item()));
    CHECK(max_difference(layer_norm(rows)[1], zeros({20})) == 0);
  }
}

TEST_CASE("norms: gradients do not depend on the number of threads") {
  Tensor x = randn({500, 70}), w = randn({70}), b = randn({70}), dy = randn({500, 70});
  std::vector<Tensor> first;
  for (int threads : {1, 2, 3}) {
    const int before = get_num_threads();
    set_num_threads(threads);
    std::vector<Tensor> in = {x.detach().requires_grad_(), w.detach().requires_grad_(),
                              b.detach().requires_grad_()};
    layer_norm(in[0], in[1], in[2]).backward(dy);
    set_num_threads(before);
    std::vector<Tensor> gradients;
    for (const Tensor& t : in) gradients.push_back(t.grad());
    if (first.empty()) first = gradients;
    for (size_t i = 0; i < 3; ++i) CHECK(same_bits(gradients[i], first[i]));
  }
}

TEST_CASE("norms: gradients of rows of any size, first and second") {
  // With eps = 0, y does not depend on the scale s of x.  So s times the first derivative and s^2
  // times the second do not depend on s either.
  const auto derivatives = [](DType dtype, double s, bool centered) {
    const Tensor x = (tensor({{1., 2., 4.}}).to(kFloat64) * s).to(dtype).requires_grad_(),
                 c = tensor({{1., -1., 0.}}).to(dtype);
    const Tensor y = centered ? layer_norm(x, {}, {}, 0) : rms_norm(x, {}, 0);
    const Tensor first = grad(sum(y * c), {x}, {.create_graph = true})[0] * s;
    const Tensor second = grad(sum(first * tensor({{0., 1., 3.}}).to(dtype)), {x})[0] * s;
    return stack({first.detach().to(kFloat64), second.to(kFloat64)});
  };
  for (const bool centered : {false, true}) {
    const Tensor wanted = derivatives(kFloat64, 1, centered);
    for (const double s : {1e-14, 1e-10, 1e-5, 1e5, 1e10, 1e13, 1e16}) {
      CAPTURE(centered, s);
      CHECK(max_difference(derivatives(kFloat32, s, centered), wanted) < 1e-4);
    }
    for (const double s : {1e-140, 1e-120, 1e-90, 1e90, 1e120, 1e140}) {
      CAPTURE(centered, s);
      CHECK(max_difference(derivatives(kFloat64, s, centered), wanted) < 1e-12);
    }
  }
}
