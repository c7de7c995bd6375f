// Tests kernels on plain pointers: conversions between dtypes, and kernels over rows.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "framework/base/runtime.h"
#include "framework/simd/elementwise.h"
#include "framework/simd/rows.h"
#include "framework/tensor/random.h"
#include "ops/ops.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {
// The bits of x rounded to the nearest bfloat16, ties to even.  A NaN keeps its sign and upper
// bits, and becomes quiet.
uint16_t rounded_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  auto kept = static_cast<uint16_t>(bits / 65536);
  uint32_t rest = bits % 65536;
  if (std::isnan(x)) return kept | 0x40;
  bool up = rest > 32768 || (rest == 32768 && kept % 2 == 1);
  return static_cast<uint16_t>(kept + up);
}
}  // namespace

TEST_CASE("kernels: every bfloat16 is the same after conversion to float32 and back") {
  std::vector<BFloat16> all(65536), back(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<uint16_t>(i);
  std::vector<float> wide(65536);
  simd::to_float(all.data(), wide.data(), 65536);
  simd::to_bfloat16(wide.data(), back.data(), 65536);
  int wrong = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &wide[i], sizeof bits);
    bool signalling = std::isnan(wide[i]) && !(i & 0x40);
    wrong += bits != static_cast<uint32_t>(i) * 65536;
    wrong += back[i].bits != (signalling ? i | 0x40 : i) || BFloat16(wide[i]).bits != back[i].bits;
  }
  CHECK(wrong == 0);
}

TEST_CASE("kernels: float32 rounds to the nearest bfloat16, ties to even, NaN stays NaN") {
  std::mt19937_64 random(3);
  std::vector<float> x;
  for (int i = 0; i < 200'000; ++i) {
    auto bits = static_cast<uint32_t>(random());
    if (i % 4 == 0) bits = (bits & 0xffff0000u) | 0x8000u;       // ties
    if (i % 16 == 1) bits |= 0x7f800000u;                        // infinity, NaN
    if (i % 16 == 2) bits = (bits & 0x80000000u) | 0x7f7fffffu;  // the largest rounds to infinity
    if (i % 16 == 3) bits &= 0x807fffffu;                        // denormal
    float v;
    std::memcpy(&v, &bits, sizeof v);
    x.push_back(v);
  }
  std::vector<BFloat16> y(x.size());
  simd::to_bfloat16(x.data(), y.data(), static_cast<int64_t>(x.size()));
  int wrong = 0;
  for (size_t i = 0; i < x.size(); ++i)
    wrong += y[i].bits != rounded_bits(x[i]) || BFloat16(x[i]).bits != y[i].bits;
  CHECK(wrong == 0);
}

TEST_CASE("kernels: conversions of every length write nothing beyond") {
  std::mt19937_64 random(4);
  std::vector<float> x = random_floats(random, 96);
  for (int64_t n = 0; n <= 67; ++n)
    for (size_t shift : {0, 1, 3}) {
      std::vector<BFloat16> narrow(96, BFloat16(12345));
      std::vector<float> wide(96, 12345);
      simd::to_bfloat16(x.data() + shift, narrow.data() + shift, n);
      simd::to_float(narrow.data() + shift, wide.data() + 1, n);
      bool good = true;
      for (int64_t i = 0; i < 90; ++i) {
        auto k = static_cast<size_t>(i);
        BFloat16 wanted =
            k >= shift && i < n + static_cast<int64_t>(shift) ? BFloat16(x[k]) : BFloat16(12345);
        good &= narrow[k].bits == wanted.bits;
        if (i > 0) good &= wide[k] == (i <= n ? static_cast<float>(narrow[k - 1 + shift]) : 12345);
      }
      INFO(n << " elements at " << shift);
      CHECK(good);
    }
}

// --- rows ---

TEST_CASE("kernels: rows agree with float64 at every length") {
  std::mt19937_64 random(5);
  for (int64_t n = 1; n <= 300; n += n < 70 ? 1 : 41) {
    const auto count = static_cast<size_t>(n);
    std::vector<float> x = random_floats(random, count + 3, -5, 5),
                       dy = random_floats(random, count + 3), y(count + 16, 777),
                       dx(count + 16, 777);
    if (n > 2) x[1] = -kInf;  // a masked place
    double sum = 0, magnitude = 0, dot = 0, exps = 0, y_dy = 0, dys = 0;
    for (size_t i = 0; i < count; ++i) {
      sum += dy[i], magnitude += std::abs(dy[i]), dot += static_cast<double>(dy[i]) * dy[i],
          dys += dy[i];
      exps += std::exp(static_cast<double>(x[i]));
    }
    for (size_t i = 0; i < count; ++i) y_dy += std::exp(static_cast<double>(x[i])) / exps * dy[i];
    INFO("n = " << n);
    CHECK(std::abs(simd::sum(dy.data(), n) - sum) <= 1e-6 * magnitude);
    CHECK(std::abs(simd::dot(dy.data(), dy.data(), n) - dot) <= 1e-6 * dot);
    CHECK(std::abs(simd::logsumexp(x.data(), n) - std::log(exps)) <=
          1.3e-6 * std::max(1.0, std::abs(std::log(exps))));
    const simd::ExpSum exp_sum = simd::exp_sum(x.data(), n);
    CHECK(std::abs(exp_sum.high + std::log(static_cast<double>(exp_sum.total)) - std::log(exps)) <=
          1e-6);
    std::vector<float> far = dy;  // whole numbers near 1e6: their differences from it are exact
    double from = 0;
    for (float& v : far) v = 1e6f + std::floor(v * 100);
    for (size_t i = 0; i < count; ++i) from += static_cast<double>(far[i]) - 1e6;
    CHECK(simd::sum_from(far.data(), 1e6f, n) == from);
    auto all = [&](const std::vector<float>& got, double tolerance, auto f) {
      bool good = true;
      for (size_t i = 0; i < count; ++i)
        good &= same_bits(got[i], static_cast<float>(f(i))) || std::abs(got[i] - f(i)) <= tolerance;
      for (size_t i = count; i < got.size(); ++i) good &= got[i] == 777;
      return good;
    };
    auto probability = [&](size_t i) { return std::exp(static_cast<double>(x[i])) / exps; };
    simd::softmax(x.data(), y.data(), n);
    CHECK(all(y, 1.3e-6, probability));
    simd::softmax_backward(y.data(), dy.data(), dx.data(), n);
    CHECK(all(dx, 3e-6, [&](size_t i) { return probability(i) * (dy[i] - y_dy); }));
    simd::log_softmax(x.data(), y.data(), n);
    CHECK(all(y, 1e-5, [&](size_t i) { return x[i] - std::log(exps); }));
    simd::log_softmax_backward(y.data(), dy.data(), dx.data(), n);
    CHECK(all(dx, 1e-6 * (1 + magnitude), [&](size_t i) { return dy[i] - probability(i) * dys; }));
    simd::scaled_exp(x.data(), 1, 2, 3, y.data(), n);
    CHECK(all(y, 1e-4, [&](size_t i) { return 2 * std::exp(static_cast<double>(x[i]) - 1) + 3; }));
  }
}

TEST_CASE("kernels: sums of rows agree with float64, with and without accumulating") {
  std::mt19937_64 random(6);
  for (int64_t rows : {0, 1, 3, 4, 7, 8, 33})
    for (int64_t cols : {1, 2, 7, 8, 15, 16, 17, 33, 67, 2051})
      for (bool accumulate : {false, true}) {
        const int64_t stride = cols + 3;
        std::vector<float> x = random_floats(random, static_cast<size_t>(rows * stride)),
                           y(static_cast<size_t>(cols) + 8, 777);
        simd::sum_rows(x.data(), rows, cols, stride, y.data(), accumulate);
        bool good = true;
        for (int64_t j = 0; j < cols + 8; ++j) {
          double wanted = j >= cols || accumulate ? 777 : 0;
          for (int64_t i = 0; j < cols && i < rows; ++i)
            wanted += x[static_cast<size_t>(i * stride + j)];
          good &= std::abs(y[static_cast<size_t>(j)] - wanted) <=
                  (j < cols ? 1e-6 * (100 + 777 * accumulate) : 0);
        }
        INFO(rows << " x " << cols << (accumulate ? " accumulated" : ""));
        CHECK(good);
      }
}

TEST_CASE("kernels: sums that are cut into chunks agree with float64") {
  manual_seed(8);
  for (const Shape& shape : {Shape{1300, 5}, {1300, 70}, {513, 1}, {3, 600, 33}, {70'000}}) {
    const Tensor x = randn(shape);
    INFO(shape);
    for (int64_t axis = 0; axis < x.rank(); ++axis)
      CHECK(abs(sum(x, axis).to(kFloat64) - sum(x.to(kFloat64), axis)).max().item() < 1e-3);
    CHECK(std::abs(sum(x).item() - sum(x.to(kFloat64)).item()) < 1e-3);
  }
}

TEST_CASE("kernels: rows of infinities and NaN have their limits") {
  for (int64_t n : {1, 5, 16, 37}) {
    const auto count = static_cast<size_t>(n);
    std::vector<float> masked(count, -kInf), full(count, 1), y(count);
    CHECK(simd::logsumexp(masked.data(), n) == -kInf);
    CHECK((simd::exp_sum(masked.data(), n).high == -kInf &&
           simd::exp_sum(masked.data(), n).total == 0));
    full[count / 2] = kInf;
    CHECK(simd::logsumexp(full.data(), n) == kInf);
    full[count / 2] = kNaN;
    CHECK(std::isnan(simd::logsumexp(full.data(), n)));
    CHECK(std::isnan(simd::exp_sum(full.data(), n).total));
    simd::softmax(full.data(), y.data(), n);
    for (float v : y) CHECK(std::isnan(v));
    masked[count / 2] = -7;  // the only place that is not masked
    simd::softmax(masked.data(), y.data(), n);
    for (size_t i = 0; i < count; ++i) CHECK(y[i] == (i == count / 2 ? 1 : 0));
    simd::log_softmax(masked.data(), y.data(), n);
    for (size_t i = 0; i < count; ++i) CHECK(y[i] == (i == count / 2 ? 0 : -kInf));
    std::vector<float> large(count, 3e38f);
    CHECK(simd::exp_sum(large.data(), n).total == static_cast<float>(n));
    CHECK(simd::sum_from(large.data(), 0, n) ==
          Approx(static_cast<double>(n) * static_cast<double>(3e38f)));
    simd::softmax(large.data(), y.data(), n);
    for (float v : y) CHECK(v == Approx(1.0 / static_cast<double>(n)));
    simd::softmax(masked.data(), masked.data(), n);  // in place
    CHECK(masked[count / 2] == 1);
  }
  CHECK(simd::logsumexp(nullptr, 0) == -kInf);
  CHECK(simd::sum(nullptr, 0) == 0);
}
