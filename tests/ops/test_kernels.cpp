// Tests elementwise kernels on plain pointers: accuracy against float64, special values, tails.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "framework/base/runtime.h"
#include "framework/simd/elementwise.h"
#include "framework/simd/rows.h"
#include "framework/tensor/random.h"
#include "ops/onednn/gemm.h"
#include "ops/ops.h"
#include "ops/simd/small_matmul.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using simd::Binary;
using simd::Unary;

namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double inner(double x) { return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x); }
double gelu_tanh_slope(double x) {
  if (std::abs(x) > 100) return x > 0;
  double t = std::tanh(inner(x)), sech2 = 1 / std::pow(std::cosh(inner(x)), 2);
  return (1 + t) / 2 + x / 2 * sech2 * std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * x * x);
}

// The scale of an error bound.  It is |y|, or if cancellation can make y small, |x| or 1.
enum class Scale { kResult, kInput, kOne };
double scale_of(Scale scale, double x, double y) {
  return scale == Scale::kResult  ? std::abs(y)
         : scale == Scale::kInput ? std::max(std::abs(x), std::abs(y))
                                  : std::max(1.0, std::abs(y));
}

// `bound` is the largest error that the sweep measures, rounded up, in units of 2^-24 times the
// scale.
struct UnaryCase {
  const char* name;
  Unary op;
  double (*f)(double);
  float low, high;
  Scale scale;
  double bound;
};
const UnaryCase kUnaries[] = {
    {"neg", Unary::kNeg, [](double x) { return -x; }, -10, 10, Scale::kResult, 0},
    {"abs", Unary::kAbs, [](double x) { return std::abs(x); }, -10, 10, Scale::kResult, 0},
    {"sqrt", Unary::kSqrt, [](double x) { return std::sqrt(x); }, 1e-30f, 1e30f, Scale::kResult, 1},
    {"rsqrt", Unary::kRsqrt, [](double x) { return 1 / std::sqrt(x); }, 1e-30f, 1e30f,
     Scale::kResult, 1.5},
    {"exp", Unary::kExp, [](double x) { return std::exp(x); }, -87.3f, 88.7f, Scale::kResult, 2},
    {"log", Unary::kLog, [](double x) { return std::log(x); }, 1e-37f, 1e37f, Scale::kResult, 1.1},
    {"sin", Unary::kSin, [](double x) { return std::sin(x); }, -100, 100, Scale::kResult, 1.1},
    {"cos", Unary::kCos, [](double x) { return std::cos(x); }, -100, 100, Scale::kResult, 1.1},
    {"erfc", Unary::kErfc, [](double x) { return std::erfc(x); }, -9, 9, Scale::kResult, 8},
    {"erf", Unary::kErf, [](double x) { return std::erf(x); }, -6, 6, Scale::kResult, 7},
    {"tanh", Unary::kTanh, [](double x) { return std::tanh(x); }, -20, 20, Scale::kResult, 5.5},
    {"sigmoid", Unary::kSigmoid, logistic, -80, 80, Scale::kResult, 2.7},
    {"relu", Unary::kRelu, [](double x) { return x > 0 || x != x ? x : 0; }, -10, 10,
     Scale::kResult, 0},
    {"gelu", Unary::kGelu, [](double x) { return std::max(x, -40.0) * normal_cdf(x); }, -13, 20,
     Scale::kResult, 8},
    {"gelu_tanh", Unary::kGeluTanh,
     [](double x) { return std::max(x, -40.0) * (1 + std::tanh(inner(x))) / 2; }, -20, 20,
     Scale::kInput, 3.4},
    {"silu", Unary::kSilu, [](double x) { return std::max(x, -800.0) * logistic(x); }, -80, 80,
     Scale::kResult, 3},
    {"softplus", Unary::kSoftplus, [](double x) { return x > 40 ? x : std::log1p(std::exp(x)); },
     -80, 80, Scale::kResult, 2.9},
};

struct BinaryCase {
  const char* name;
  Binary op;
  double (*f)(double, double);
  float low, high;  // bounds of the first argument; the second has 0.1 <= |b| <= 3
  Scale scale;
  double bound;
};
const BinaryCase kBinaries[] = {
    {"add", Binary::kAdd, [](double a, double b) { return a + b; }, -10, 10, Scale::kResult, 1},
    {"sub", Binary::kSub, [](double a, double b) { return a - b; }, -10, 10, Scale::kResult, 1},
    {"mul", Binary::kMul, [](double a, double b) { return a * b; }, -10, 10, Scale::kResult, 1},
    {"mul_or_zero", Binary::kMulOrZero, [](double a, double b) { return b == 0 ? 0 : a * b; }, -10,
     10, Scale::kResult, 1},
    {"div", Binary::kDiv, [](double a, double b) { return a / b; }, -10, 10, Scale::kResult, 1},
    {"minimum", Binary::kMinimum, [](double a, double b) { return a != a || a < b ? a : b; }, -10,
     10, Scale::kResult, 0},
    {"maximum", Binary::kMaximum, [](double a, double b) { return a != a || a > b ? a : b; }, -10,
     10, Scale::kResult, 0},
    {"tanh backward", Binary::kTanhBackward, [](double y, double dy) { return dy * (1 - y * y); },
     -1, 1, Scale::kOne, 4},
    {"sigmoid backward", Binary::kSigmoidBackward,
     [](double y, double dy) { return dy * y * (1 - y); }, 0, 1, Scale::kOne, 4},
    {"relu backward", Binary::kReluBackward, [](double x, double dy) { return x <= 0 ? 0 : dy; },
     -10, 10, Scale::kResult, 0},
    {"gelu backward", Binary::kGeluBackward,
     [](double x, double dy) {
       return dy * (normal_cdf(x) + (std::isinf(x) ? 0 : x * density(x)));
     },
     -20, 20, Scale::kOne, 3.3},
    {"gelu_tanh backward", Binary::kGeluTanhBackward,
     [](double x, double dy) { return dy * gelu_tanh_slope(x); }, -20, 20, Scale::kOne, 3.2},
    {"silu backward", Binary::kSiluBackward,
     [](double x, double dy) {
       return dy * logistic(x) * (1 + (std::isinf(x) ? 0 : x * (1 - logistic(x))));
     },
     -80, 80, Scale::kInput, 3.9},
    {"softplus backward", Binary::kSoftplusBackward,
     [](double x, double dy) { return dy * logistic(x); }, -80, 80, Scale::kResult, 3.2},
};

// Floats in [low, high]: some spaced evenly, some with evenly spaced exponents down to zero.
std::vector<float> sweep(float low, float high, int n) {
  std::vector<float> x;
  for (int i = 0; i < n; ++i) {
    double t = (i + 0.5) / n;
    x.push_back(static_cast<float>(low + t * (static_cast<double>(high) - low)));
    for (float end : {low, high})
      if (end != 0) x.push_back(static_cast<float>(end * std::exp(-80 * t)));
  }
  std::erase_if(x,
                [=](float v) { return v < low || v > high || (v != 0 && std::abs(v) < 1e-37f); });
  return x;
}

}  // namespace

TEST_CASE("kernels: functions of one number stay within their documented error") {
  for (const UnaryCase& c : kUnaries) {
    std::vector<float> x = sweep(c.low, c.high, 40'000), y(x.size());
    simd::unary_kernel(c.op)(x.data(), y.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    float at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double wanted = c.f(x[i]), error = std::abs(y[i] - wanted);
      double units = error == 0 ? 0 : error / (kUnit * scale_of(c.scale, x[i], wanted));
      if (std::abs(wanted) < 1e-37 && error < 1e-37) units = 0;
      if (!(units <= worst)) worst = units, at = x[i];
    }
    INFO(c.name << " errs " << worst << " units at " << at);
    CHECK(worst <= c.bound);
  }
}

TEST_CASE("kernels: functions of two numbers stay within their documented error") {
  std::mt19937_64 random(1);
  for (const BinaryCase& c : kBinaries) {
    std::vector<float> a = sweep(c.low, c.high, 40'000), b(a.size()), y(a.size());
    for (float& v : b) v = random_float(random, 0.1f, 3) * (random() % 2 ? 1.0f : -1.0f);
    simd::binary_kernel(c.op)(a.data(), b.data(), y.data(), static_cast<int64_t>(a.size()));
    double worst = 0;
    float at = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      double wanted = c.f(a[i], b[i]), error = std::abs(y[i] - wanted);
      double scale = scale_of(c.scale, a[i], wanted) *
                     (c.scale == Scale::kOne ? std::max(1.0f, std::abs(b[i])) : 1);
      double units = error == 0 ? 0 : error / (kUnit * scale);
      if (std::abs(wanted) < 1e-37 && error < 1e-37) units = 0;
      if (!(units <= worst)) worst = units, at = a[i];
    }
    INFO(c.name << " errs " << worst << " units at " << at);
    CHECK(worst <= c.bound);
  }
}

TEST_CASE("kernels: NaN, infinities, zeros, denormal and huge numbers have their limits") {
  const std::vector<float> special = {kNaN,   kInf,  -kInf,  0.0f,  -0.0f,  1e-40f, -1e-40f, 3e38f,
                                      -3e38f, 1e30f, -1e30f, 1e10f, -1e10f, 100.0f, -100.0f};
  auto agrees = [](float got, double wanted) {
    if (std::isnan(wanted)) return std::isnan(got);
    auto rounded = static_cast<float>(wanted);
    if (std::isinf(rounded)) return got == rounded;
    return std::abs(got - wanted) <= 1e-6 * std::abs(wanted) + 2e-38;
  };
  for (const UnaryCase& c : kUnaries)
    for (float x : special) {
      // 67 copies, so that every lane and the tail compute the number.
      std::vector<float> in(67, x), out(67);
      simd::unary_kernel(c.op)(in.data(), out.data(), 67);
      INFO(c.name << "(" << x << ") = " << out[0] << ", expected " << c.f(x));
      CHECK(agrees(out[0], c.f(x)));
      for (float v : out) CHECK(same_bits(v, out[0]));
    }
  for (const BinaryCase& c : kBinaries)
    for (float a : special) {
      if ((c.op == Binary::kTanhBackward || c.op == Binary::kSigmoidBackward) && std::abs(a) > 1)
        continue;  // the first argument is y = f(x), which has |y| <= 1
      for (float b : {1.5f, -1.5f, kNaN}) {
        double wanted = c.f(a, b);
        if (std::isnan(b) && c.op != Binary::kReluBackward) wanted = kNaN;
        std::vector<float> in(67, a), other(67, b), out(67);
        simd::binary_kernel(c.op)(in.data(), other.data(), out.data(), 67);
        INFO(c.name << "(" << a << ", " << b << ") = " << out[0] << ", expected " << wanted);
        CHECK(agrees(out[0], wanted));
        for (float v : out) CHECK(same_bits(v, out[0]));
      }
    }
}

TEST_CASE("kernels: every length and alignment gives the same numbers and writes nothing beyond") {
  constexpr size_t kRoom = 96;
  constexpr float kGuard = 12345;
  std::mt19937_64 random(2);
  auto run = [&](const char* name, auto kernel, bool in_place) {
    std::vector<float> a = random_floats(random, kRoom, 0.1f, 0.9f),
                       b = random_floats(random, kRoom), whole(kRoom);
    kernel(a.data(), b.data(), whole.data(), kRoom);
    for (int64_t n = 0; n <= 67; ++n)
      for (size_t shift : {0, 1, 3, 7}) {
        std::vector<float> y(kRoom, kGuard), x = a;
        float* out = in_place ? x.data() + shift : y.data() + (shift * 5) % 8;
        kernel(x.data() + shift, b.data() + shift, out, n);
        bool good = true;
        for (int64_t i = 0; i < n; ++i)
          good &= same_bits(out[i], whole[shift + static_cast<size_t>(i)]);
        for (int64_t i = n; i < n + 16; ++i)
          good &= same_bits(out[i], in_place ? a[shift + static_cast<size_t>(i)] : kGuard);
        if (!good)
          FAIL_CHECK(name << ", " << n << " elements at " << shift
                          << (in_place ? ", in place" : ""));
      }
  };
  for (bool in_place : {false, true}) {
    for (const UnaryCase& c : kUnaries)
      run(
          c.name,
          [&](const float* x, const float*, float* y, int64_t n) {
            simd::unary_kernel(c.op)(x, y, n);
          },
          in_place);
    for (const BinaryCase& c : kBinaries) run(c.name, simd::binary_kernel(c.op), in_place);
    run(
        "scaled_exp",
        [](const float* x, const float*, float* y, int64_t n) {
          simd::scaled_exp(x, 0.5f, 2, 1, y, n);
        },
        in_place);
  }
  auto scaled_add = [](const float* x, const float* b, float* y, int64_t n) {
    if (y != x) std::copy(b, b + n, y);
    simd::axpy(1.5f, x, y, n);
  };
  run("axpy", scaled_add, false);
}
