// Kernels on plain pointers: accuracy against float64, special values, tails, conversions, threads.
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
  double t = std::tanh(inner(x)), sech2 = 1 / std::pow(std::cosh(inner(x)), 2);
  return (1 + t) / 2 + x / 2 * sech2 * std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * x * x);
}

// What an error is measured against: |y|; or, where small results come from cancellation, something
// that does not vanish: |x| or 1.
enum class Scale { kResult, kInput, kOne };
double scale_of(Scale scale, double x, double y) {
  return scale == Scale::kResult  ? std::abs(y)
         : scale == Scale::kInput ? std::max(std::abs(x), std::abs(y))
                                  : std::max(1.0, std::abs(y));
}

// `bound` is the largest error that the sweep measures, rounded up, in units of 2^-24 of the scale.
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
    {"erf", Unary::kErf, [](double x) { return std::erf(x); }, -6, 6, Scale::kResult, 7},
    {"tanh", Unary::kTanh, [](double x) { return std::tanh(x); }, -20, 20, Scale::kResult, 5.5},
    {"sigmoid", Unary::kSigmoid, logistic, -80, 80, Scale::kResult, 2.7},
    {"relu", Unary::kRelu, [](double x) { return x > 0 || x != x ? x : 0; }, -10, 10,
     Scale::kResult, 0},
    {"gelu", Unary::kGelu, [](double x) { return x * normal_cdf(x); }, -20, 20, Scale::kInput, 4.1},
    {"gelu_tanh", Unary::kGeluTanh, [](double x) { return x * (1 + std::tanh(inner(x))) / 2; }, -20,
     20, Scale::kInput, 3.4},
    {"silu", Unary::kSilu, [](double x) { return x * logistic(x); }, -80, 80, Scale::kResult, 3},
    {"softplus", Unary::kSoftplus, [](double x) { return x > 40 ? x : std::log1p(std::exp(x)); },
     -80, 80, Scale::kResult, 2.9},
};

struct BinaryCase {
  const char* name;
  Binary op;
  double (*f)(double, double);
  float low, high;  // of the first argument; the second is in [-3, 3] without (-0.1, 0.1)
  Scale scale;
  double bound;
};
const BinaryCase kBinaries[] = {
    {"add", Binary::kAdd, [](double a, double b) { return a + b; }, -10, 10, Scale::kResult, 1},
    {"sub", Binary::kSub, [](double a, double b) { return a - b; }, -10, 10, Scale::kResult, 1},
    {"mul", Binary::kMul, [](double a, double b) { return a * b; }, -10, 10, Scale::kResult, 1},
    {"div", Binary::kDiv, [](double a, double b) { return a / b; }, -10, 10, Scale::kResult, 1},
    {"minimum", Binary::kMinimum, [](double a, double b) { return a != a || a < b ? a : b; }, -10,
     10, Scale::kResult, 0},
    {"maximum", Binary::kMaximum, [](double a, double b) { return a != a || a > b ? a : b; }, -10,
     10, Scale::kResult, 0},
    {"tanh backward", Binary::kTanhBackward, [](double y, double dy) { return dy * (1 - y * y); },
     -1, 1, Scale::kOne, 4},
    {"sigmoid backward", Binary::kSigmoidBackward,
     [](double y, double dy) { return dy * y * (1 - y); }, 0, 1, Scale::kOne, 4},
    {"relu backward", Binary::kReluBackward, [](double x, double dy) { return x > 0 ? dy : 0; },
     -10, 10, Scale::kResult, 0},
    {"gelu backward", Binary::kGeluBackward,
     [](double x, double dy) { return dy * (normal_cdf(x) + x * density(x)); }, -20, 20,
     Scale::kOne, 3},
    {"gelu_tanh backward", Binary::kGeluTanhBackward,
     [](double x, double dy) { return dy * gelu_tanh_slope(x); }, -20, 20, Scale::kOne, 3.2},
    {"silu backward", Binary::kSiluBackward,
     [](double x, double dy) { return dy * logistic(x) * (1 + x * (1 - logistic(x))); }, -80, 80,
     Scale::kInput, 3.9},
    {"softplus backward", Binary::kSoftplusBackward,
     [](double x, double dy) { return dy * logistic(x); }, -80, 80, Scale::kResult, 3.2},
};

// Floats of [low, high]: evenly spaced, and spaced evenly in the exponent towards zero.
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

bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

float random_float(std::mt19937_64& random, float low, float high) {
  return low +
         (high - low) * static_cast<float>(std::ldexp(static_cast<double>(random() >> 40), -24));
}
std::vector<float> random_floats(std::mt19937_64& random, size_t n, float low = -2,
                                 float high = 2) {
  std::vector<float> x(n);
  for (float& v : x) v = random_float(random, low, high);
  return x;
}

}  // namespace

TEST_CASE("kernels: functions of one number err no more than is documented") {
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

TEST_CASE("kernels: functions of two numbers err no more than is documented") {
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
      // Every lane and the tail see the number.
      std::vector<float> in(67, x), out(67);
      simd::unary_kernel(c.op)(in.data(), out.data(), 67);
      INFO(c.name << "(" << x << ") = " << out[0] << ", expected " << c.f(x));
      CHECK(agrees(out[0], c.f(x)));
      for (float v : out) CHECK(same_bits(v, out[0]));
    }
  for (const BinaryCase& c : kBinaries)
    for (float a : special) {
      if ((c.op == Binary::kTanhBackward || c.op == Binary::kSigmoidBackward) && std::abs(a) > 1)
        continue;  // an output
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

// --- bfloat16 ---

namespace {
// Round to nearest, ties to even, on the bits; a NaN keeps its sign and upper bits, made quiet.
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

TEST_CASE("kernels: every bfloat16 survives the way to float32 and back") {
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
    if (i % 16 == 2) bits = (bits & 0x80000000u) | 0x7f7fffffu;  // the largest: rounds to infinity
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
    full[count / 2] = kInf;
    CHECK(simd::logsumexp(full.data(), n) == kInf);
    full[count / 2] = kNaN;
    CHECK(std::isnan(simd::logsumexp(full.data(), n)));
    simd::softmax(full.data(), y.data(), n);
    for (float v : y) CHECK(std::isnan(v));
    masked[count / 2] = -7;  // one place is left
    simd::softmax(masked.data(), y.data(), n);
    for (size_t i = 0; i < count; ++i) CHECK(y[i] == (i == count / 2 ? 1 : 0));
    simd::log_softmax(masked.data(), y.data(), n);
    for (size_t i = 0; i < count; ++i) CHECK(y[i] == (i == count / 2 ? 0 : -kInf));
    std::vector<float> large(count, 3e38f);
    simd::softmax(large.data(), y.data(), n);
    for (float v : y) CHECK(v == Approx(1.0 / static_cast<double>(n)));
    simd::softmax(masked.data(), masked.data(), n);  // in place
    CHECK(masked[count / 2] == 1);
  }
  CHECK(simd::logsumexp(nullptr, 0) == -kInf);
  CHECK(simd::sum(nullptr, 0) == 0);
}

// --- products ---

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

  // |error| / (u sqrt(K) (|A||B|)) at its largest, over c with rows `ldc` apart.
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
    // A row or column of one element may stride anyhow; oneDNN is asked for what it runs well.
    auto matrix = [](const simd::MatrixView& x, int64_t rows, int64_t cols) {
      bool runs = onednn::runs_strides(rows, cols, x.row_stride, x.col_stride);
      return onednn::Matrix{x.data, runs ? x.row_stride : cols, runs ? x.col_stride : 1,
                            rows * cols};
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
  // 600,000 multiplications is where oneDNN takes over.
  for (int64_t m : {1, 74, 76, 83, 84, 85, 96})
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
