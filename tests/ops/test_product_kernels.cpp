// Tests matrix products on plain pointers, by our kernel and by oneDNN, and with threads.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "framework/base/runtime.h"
#include "framework/tensor/random.h"
#include "ops/onednn/gemm.h"
#include "ops/ops.h"
#include "ops/simd/small_matmul.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

struct RandomProduct {
  int64_t m, n, k;
  bool transpose_a, transpose_b, bias;
  std::vector<float> a, b, biases;

  RandomProduct(std::mt19937_64& random, int64_t most, bool integers) {
    auto size = [&] {
      return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(random() % 4 ? most : 8));
    };
    m = size(), n = size(), k = size();
    transpose_a = random() % 2, transpose_b = random() % 2, bias = random() % 2;
    auto fill = [&](int64_t count) {
      std::vector<float> x = random_floats(random, static_cast<size_t>(count), -2, 2);
      for (float& v : x) v = integers ? std::round(4 * v) : v;
      return x;
    };
    a = fill(m * k), b = fill(k * n), biases = fill(n);
  }
  simd::MatrixView a_view() const { return {a.data(), transpose_a ? 1 : k, transpose_a ? m : 1}; }
  simd::MatrixView b_view() const { return {b.data(), transpose_b ? 1 : n, transpose_b ? k : 1}; }
  const float* bias_data() const { return bias ? biases.data() : nullptr; }

  // The largest |error| / (u sqrt(K) (|A||B|)) in c, which has rows `ldc` apart.
  double worst(const std::vector<float>& c, int64_t ldc) const {
    double most = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = bias ? biases[static_cast<size_t>(j)] : 0, magnitude = std::abs(sum);
        for (int64_t l = 0; l < k; ++l) {
          double term = static_cast<double>(
                            a_view().data[i * a_view().row_stride + l * a_view().col_stride]) *
                        b_view().data[l * b_view().row_stride + j * b_view().col_stride];
          sum += term, magnitude += std::abs(term);
        }
        double error = std::abs(c[static_cast<size_t>(i * ldc + j)] - sum);
        if (error > 0)
          most = std::max(most, error / (kUnit * std::sqrt(static_cast<double>(k)) * magnitude));
        if (std::isnan(error)) return error;
      }
    return most;
  }
  std::string text() const {
    std::ostringstream out;
    out << m << " x " << n << " x " << k << (transpose_a ? " t" : " n") << (transpose_b ? "t" : "n")
        << (bias ? " +bias" : "");
    return out.str();
  }
};

}  // namespace

TEST_CASE(
    "kernels: the SIMD product errs at most 8 u sqrt(K) |A||B| on 1,000 shapes, and not on "
    "integers") {
  std::mt19937_64 random(7);
  double worst = 0;
  for (int round = 0; round < 1000; ++round) {
    const bool integers = round % 4 == 0;
    RandomProduct p(random, 70, integers);
    const int64_t ldc = p.n + static_cast<int64_t>(random() % 3);
    std::vector<float> c(static_cast<size_t>(p.m * ldc) + 16, 777), packed = c;
    simd::matmul(p.m, p.n, p.k, p.a_view(), p.b_view(), p.bias_data(), c.data(), ldc);
    double error = p.worst(c, ldc);
    worst = std::max(worst, error);
    if (!(error <= (integers ? 0 : 8))) FAIL_CHECK(p.text() << " errs " << error);
    simd::PackedMatrix b(p.n, p.k, p.b_view());
    simd::matmul(p.m, p.n, p.k, p.a_view(), b, p.bias_data(), packed.data(), ldc);
    if (!(p.worst(packed, ldc) <= (integers ? 0 : 8)))
      FAIL_CHECK(p.text() << " packed errs " << p.worst(packed, ldc));
    for (int64_t i = 0; i < static_cast<int64_t>(c.size()); ++i)
      if (i >= p.m * ldc || i % ldc >= p.n)
        if (c[static_cast<size_t>(i)] != 777 || packed[static_cast<size_t>(i)] != 777)
          FAIL_CHECK(p.text() << " writes beyond its columns");
  }
  INFO("worst " << worst);
  CHECK(worst > 0);
}

TEST_CASE(
    "kernels: the oneDNN product errs at most 8 u sqrt(K) |A||B| on 1,000 shapes, and not on "
    "integers") {
  std::mt19937_64 random(8);
  double worst = 0;
  for (int round = 0; round < 1000; ++round) {
    const bool integers = round % 4 == 0;
    RandomProduct p(random, 70, integers);
    // The stride along an axis of size 1 is arbitrary: choose strides that oneDNN runs well.
    auto matrix = [](const simd::MatrixView& x, int64_t rows, int64_t cols) {
      const onednn::Matrix y{x.data, x.row_stride, x.col_stride, rows * cols};
      if (onednn::runs_strides(1, rows, cols, y)) return y;
      return onednn::Matrix{x.data, cols, 1, rows * cols};
    };
    std::vector<float> c(static_cast<size_t>(p.m * p.n) + 16, 777);
    onednn::matmul({kFloat32, 1, p.m, p.n, p.k, matrix(p.a_view(), p.m, p.k),
                    matrix(p.b_view(), p.k, p.n), p.bias_data(), Activation::kNone,
                    /*accumulate=*/false, c.data()});
    double error = p.worst(c, p.n);
    worst = std::max(worst, error);
    if (!(error <= (integers ? 0 : 8))) FAIL_CHECK(p.text() << " errs " << error);
    for (size_t i = static_cast<size_t>(p.m * p.n); i < c.size(); ++i)
      if (c[i] != 777) FAIL_CHECK(p.text() << " writes beyond its end");
  }
  INFO("worst " << worst);
  CHECK(worst > 0);
}

TEST_CASE(
    "kernels: matmul agrees on both sides of the SIMD/oneDNN threshold and for every stride") {
  // The products have 200,000 multiplications between m = 23 and 24 for n = 100, and between m = 28
  // and 29 for n = 84 and 85.
  for (int64_t m : {1, 23, 24, 28, 29, 84, 96})
    for (int64_t n : {1, 84, 85, 100}) {
      const int64_t k = 84;
      Tensor a = randint(-8, 9, {m, k}).to(kFloat32), b = randint(-8, 9, {k, n}).to(kFloat32);
      Tensor wanted = matmul(a.to(kFloat64), b.to(kFloat64)).to(kFloat32);
      Tensor a_turned = contiguous(a.t()).t(), b_turned = contiguous(b.t()).t();
      Tensor b_sparse = empty({k, 2 * n}, kFloat32).fill_(kNaN).slice(1, 0, 2 * n, 2);
      b_sparse.copy_(b);
      INFO(m << " x " << n << " x " << k);
      for (const Tensor& x : {a, a_turned})
        for (const Tensor& y : {b, b_turned, b_sparse})
          CHECK(ne(matmul(x, y), wanted).sum().item<int64_t>() == 0);
    }
}

// --- threads ---

TEST_CASE("kernels: sums, softmax and gathered gradients are bit-identical for 1 and 2 threads") {
  const int before = get_num_threads();
  manual_seed(9);
  Tensor x = randn({700, 331}), ids = randint(0, 50, {4000}), weight = randn({50, 64}),
         dy = randn({4000, 64});
  auto run = [&](int threads) {
    set_num_threads(threads);
    std::vector<Tensor> y = {sum(x),
                             sum(x, 0),
                             sum(x, 1),
                             mean(x),
                             var(x, 0),
                             softmax(x, 1),
                             softmax(x, 0),
                             logsumexp(x, 1),
                             x.to(kBFloat16).sum(0),
                             x.to(kFloat64).sum()};
    Tensor leaf = weight.detach().requires_grad_();
    y.push_back(grad(embedding(ids, leaf), {leaf}, {.grad_outputs = {dy}})[0]);
    return y;
  };
  std::vector<Tensor> one = run(1), two = run(2);
  set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) {
    INFO("result " << i);
    CHECK(ne(one[i], two[i]).sum().item<int64_t>() == 0);
  }
}
