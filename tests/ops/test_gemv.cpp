// Tests products of one or a few rows: accuracy against float64, tails, special values, threads.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <sstream>
#include <vector>

#include "framework/base/runtime.h"
#include "ops/simd/gemv.h"
#include "tests/support/tensors.h"

using namespace vitro;

namespace {

// One product.  The gaps between the rows of w are NaN, so reading them would show in y.
template <class T>
struct GemvCase {
  int64_t m, n, k, stride, x_step;
  bool columns, bias;  // columns: w is (k, n), else (n, k)
  std::vector<T> x, w, biases, y;

  GemvCase(std::mt19937_64& random, bool by_columns, bool integers) : columns(by_columns) {
    auto pick = [&](int64_t most) {
      return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most));
    };
    m = columns ? 1 : pick(4);
    n = pick(random() % 4 ? 40 : 400), k = pick(random() % 4 ? 150 : 1200);
    stride = (columns ? n : k) + static_cast<int64_t>(random() % 4);
    x_step = pick(2), bias = random() % 2;
    auto number = [&] {
      const double v = std::ldexp(static_cast<double>(random() >> 11), -51) - 2;  // in [-2, 2)
      return static_cast<T>(static_cast<float>(integers ? std::round(2 * v) : v));
    };
    const int64_t rows = columns ? k : n, used = columns ? n : k;
    w.assign(static_cast<size_t>(rows * stride), static_cast<T>(kNaN));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < used; ++j) w[static_cast<size_t>(i * stride + j)] = number();
    x.assign(static_cast<size_t>(m * k * x_step), static_cast<T>(kNaN));
    for (size_t i = 0; i < x.size(); i += static_cast<size_t>(x_step)) x[i] = number();
    for (int64_t j = 0; j < n; ++j) biases.push_back(number());
    y.assign(static_cast<size_t>(m * n) + 16, static_cast<T>(777.0f));
  }
  double at(int64_t i, int64_t l) const { return x[static_cast<size_t>((i * k + l) * x_step)]; }
  double weight(int64_t j, int64_t l) const {
    return w[static_cast<size_t>(columns ? l * stride + j : j * stride + l)];
  }
  void run() {
    const simd::GemvCall<T> call{m,        n,          k,
                                 x.data(), k * x_step, x_step,
                                 w.data(), stride,     bias ? biases.data() : nullptr,
                                 y.data()};
    if (columns) simd::gevm(call);
    else simd::gemv(call);
  }
  // The largest |error| in units of u sqrt(K) (|X||W|).  For bfloat16 the rounding of the result is
  // subtracted first.
  double worst() const {
    double most = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = bias ? static_cast<double>(biases[static_cast<size_t>(j)]) : 0.0,
               magnitude = std::abs(sum);
        for (int64_t l = 0; l < k; ++l) {
          const double term = at(i, l) * weight(j, l);
          sum += term, magnitude += std::abs(term);
        }
        const double got = y[static_cast<size_t>(i * n + j)],
                     rounding = sizeof(T) == 2 ? 0x1p-8 * std::abs(sum) : 0,
                     error = std::max(0.0, std::abs(got - sum) - rounding);
        if (std::isnan(got)) return kNaN;
        if (error > 0)
          most = std::max(most, error / (kUnit * std::sqrt(static_cast<double>(k)) * magnitude));
      }
    return most;
  }
  std::string text() const {
    std::ostringstream out;
    out << (columns ? "gevm " : "gemv ") << m << " x " << n << " x " << k << ", rows " << stride
        << " apart, x's step " << x_step << (bias ? ", bias" : "");
    return out.str();
  }
};

template <class T>
void check_accuracy(bool columns) {
  std::mt19937_64 random(columns ? 3 : 2);
  double worst = 0;
  for (int round = 0; round < 300; ++round) {
    const bool integers = sizeof(T) == 4 && round % 4 == 0;
    GemvCase<T> c(random, columns, integers);
    c.run();
    const double error = c.worst();
    worst = std::max(worst, error);
    if (!(error <= (integers ? 0 : 8))) FAIL_CHECK(c.text() << " errs " << error);
    for (size_t i = static_cast<size_t>(c.m * c.n); i < c.y.size(); ++i)
      if (static_cast<float>(c.y[i]) != static_cast<float>(static_cast<T>(777.0f)))
        FAIL_CHECK(c.text() << " writes beyond its end");
  }
  if (sizeof(T) == 4) CHECK(worst > 0);
}

}  // namespace

TEST_CASE("gemv: errs at most 8 u sqrt(K) |X||W|, not on integers; bfloat16 is rounded once") {
  check_accuracy<float>(/*columns=*/false);
  check_accuracy<BFloat16>(/*columns=*/false);
}

TEST_CASE("gevm: errs at most 8 u sqrt(K) |x||W|, not on integers; bfloat16 is rounded once") {
  check_accuracy<float>(/*columns=*/true);
  check_accuracy<BFloat16>(/*columns=*/true);
}

TEST_CASE("gemv: NaN and infinities reach the sums that contain them, and no others") {
  for (int64_t k : {1, 15, 16, 64, 77, 130})
    for (int64_t at : {int64_t{0}, k / 2, k - 1})
      for (DType dtype : {kFloat32, kBFloat16}) {
        INFO("k " << k << ", at " << at << ", " << dtype);
        const int64_t n = 19;
        Tensor x = ones({2, k}, dtype), w = ones({n, k}, dtype), odd = w.clone();
        x[0][at].fill_(kNaN);
        odd[7][at].fill_(-kInf);
        for (bool columns : {false, true}) {
          const Tensor plain = columns ? contiguous(w.t()).t() : w,
                       infinite = columns ? contiguous(odd.t()).t() : odd;
          for (int64_t m : {1, 2}) {
            Tensor y = matmul(x.slice(0, 0, m), plain.t()).to(kFloat64);
            CHECK(ne(y[0], y[0]).sum().item<int64_t>() == n);
            if (m == 2) CHECK(eq(y[1], static_cast<double>(k)).sum().item<int64_t>() == n);
          }
          Tensor y = matmul(x.slice(0, 1, 2), infinite.t()).to(kFloat64)[0];
          CHECK(y[7].item<double>() == -kInf);
          CHECK(eq(y, static_cast<double>(k)).sum().item<int64_t>() == n - 1);
        }
      }
}

TEST_CASE("gemv: results are bit-identical for 1 and 2 threads") {
  const int before = get_num_threads();
  manual_seed(3);
  for (DType dtype : {kFloat32, kBFloat16}) {
    const Tensor x = randn({4, 1003}).to(dtype), w = randn({1501, 1003}).to(dtype),
                 v = randn({1, 1501}).to(dtype);
    auto run = [&](int threads) {
      set_num_threads(threads);
      return std::vector<Tensor>{linear(x, w), linear(x[0], w), matmul(v, w), matmul(w, x[1])};
    };
    const std::vector<Tensor> one = run(1), two = run(2);
    for (size_t i = 0; i < one.size(); ++i) CHECK(testing::same_bits(one[i], two[i]));
  }
  set_num_threads(before);
}

TEST_CASE("gemv: products of few rows are right for every layout, bias and activation") {
  manual_seed(4);
  for (int64_t m : {1, 2, 3, 4, 5})
    for (int64_t n : {1, 70, 600}) {
      const int64_t k = 520;
      INFO(m << " x " << n << " x " << k);
      const Tensor x = randint(-4, 5, {m, k}).to(kFloat32), w = randint(-4, 5, {n, k}).to(kFloat32),
                   bias = randint(-4, 5, {n}).to(kFloat32);
      auto reference = [&](Activation f) {
        Tensor y = linear(x.to(kFloat64), w.to(kFloat64), bias.to(kFloat64), f);
        return std::pair{y.to(kFloat32), y.to(kBFloat16)};
      };
      const Tensor x_turned = contiguous(x.t()).t(), w_turned = contiguous(w.t()).t(),
                   w_apart = cat({w, w}, 1).slice(1, 0, k);
      for (Activation f : {Activation::kNone, Activation::kRelu}) {
        const auto [wanted, narrow] = reference(f);
        for (const Tensor& a : {x, x_turned})
          for (const Tensor& b : {w, w_turned, w_apart}) {
            CHECK(testing::same_bits(linear(a, b, bias, f), wanted));
            CHECK(testing::same_bits(
                linear(a.to(kBFloat16), b.to(kBFloat16), bias.to(kBFloat16), f), narrow));
          }
        const Tensor apart = stack({bias, bias}, 1).select(1, 0);
        CHECK(testing::same_bits(linear(x, w, apart, f), wanted));
      }
      const Tensor wide = x.to(kFloat64), stacked = stack({x, x + 1.0}, 0);
      CHECK(testing::same_bits(
          matmul(stacked, transpose(stack({w, w}, 0), 1, 2)),
          matmul(stacked.to(kFloat64), transpose(stack({w, w}, 0), 1, 2).to(kFloat64))
              .to(kFloat32)));
    }
}
