// Elementwise functions y_i = f(x_i).  Each struct defines f and its derivative.
#include <cmath>
#include <numbers>

#include "ops/elementwise.h"

namespace vitro {

namespace {

using simd::Unary;

// Which tensor backward reads.
enum class Saves { kInput, kOutput };

// y_i = f(x_i).  Self defines kName, the formula f in float64, and backward.
template <class Self, Unary kKernel, Saves kSaves, int64_t kGrain = kCostlyGrain>
struct UnaryOp : Op<Self> {
  static Tensor of(const Tensor& x) {
    Tensor y = unary(
        Self::kName, x, kernel<kKernel>(), [](double v) { return Self::f(v); }, kGrain);
    if (Node* node = record<Self>(y, x)) {
      if (kSaves == Saves::kInput) node->save_input(0, x);
      else node->save_output(y);
    }
    return y;
  }
};

// y = |x|   =>   dx = dy sign x
struct Abs final : UnaryOp<Abs, Unary::kAbs, Saves::kInput, kCheapGrain> {
  static constexpr std::string_view kName = "abs";
  static double f(double x) { return std::abs(x); }
  TensorList backward(const Tensor& dy) override {
    const Tensor x = input(0).detach(), zero = full_scalar(0, dy.dtype());
    return {where(gt(x, 0), dy, where(lt(x, 0), -dy, zero))};
  }
};

// y = e^x   =>   dx = dy y
struct Exp final : UnaryOp<Exp, Unary::kExp, Saves::kOutput> {
  static constexpr std::string_view kName = "exp";
  static double f(double x) { return std::exp(x); }
  TensorList backward(const Tensor& dy) override { return {dy * output()}; }
};

// y = log x   =>   dx = dy / x
struct Log final : UnaryOp<Log, Unary::kLog, Saves::kInput> {
  static constexpr std::string_view kName = "log";
  static double f(double x) { return std::log(x); }
  TensorList backward(const Tensor& dy) override { return {dy / input(0)}; }
};

// y = sqrt x   =>   dx = dy / (2 y)
struct Sqrt final : UnaryOp<Sqrt, Unary::kSqrt, Saves::kOutput> {
  static constexpr std::string_view kName = "sqrt";
  static double f(double x) { return std::sqrt(x); }
  TensorList backward(const Tensor& dy) override { return {dy / (output() * 2.0)}; }
};

// y = x^(-1/2)   =>   dx = -dy y^3 / 2
struct Rsqrt final : UnaryOp<Rsqrt, Unary::kRsqrt, Saves::kOutput> {
  static constexpr std::string_view kName = "rsqrt";
  static double f(double x) { return 1 / std::sqrt(x); }
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {dy * (y * y * y) * -0.5};
  }
};

// y = sin x   =>   dx = dy cos x
struct Sin final : UnaryOp<Sin, Unary::kSin, Saves::kInput> {
  static constexpr std::string_view kName = "sin";
  static double f(double x) { return std::sin(x); }
  TensorList backward(const Tensor& dy) override { return {dy * cos(input(0))}; }
};

// y = cos x   =>   dx = -dy sin x
struct Cos final : UnaryOp<Cos, Unary::kCos, Saves::kInput> {
  static constexpr std::string_view kName = "cos";
  static double f(double x) { return std::cos(x); }
  TensorList backward(const Tensor& dy) override { return {-dy * sin(input(0))}; }
};

// y = erfc x   =>   dx = -dy 2/sqrt(pi) e^(-x^2)
struct Erfc final : UnaryOp<Erfc, Unary::kErfc, Saves::kInput> {
  static constexpr std::string_view kName = "erfc";
  static double f(double x) { return std::erfc(x); }
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {dy * exp(-(x * x)) * (-2 * std::numbers::inv_sqrtpi)};
  }
};

// y = erf x   =>   dx = dy 2/sqrt(pi) e^(-x^2)
struct Erf final : UnaryOp<Erf, Unary::kErf, Saves::kInput> {
  static constexpr std::string_view kName = "erf";
  static double f(double x) { return std::erf(x); }
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {dy * exp(-(x * x)) * (2 * std::numbers::inv_sqrtpi)};
  }
};

}  // namespace

Tensor abs(const Tensor& x) { return Abs::of(x); }
Tensor exp(const Tensor& x) { return Exp::of(x); }
Tensor log(const Tensor& x) { return Log::of(x); }
Tensor sqrt(const Tensor& x) { return Sqrt::of(x); }
Tensor rsqrt(const Tensor& x) { return Rsqrt::of(x); }
Tensor sin(const Tensor& x) { return Sin::of(x); }
Tensor cos(const Tensor& x) { return Cos::of(x); }
Tensor erf(const Tensor& x) { return Erf::of(x); }
Tensor erfc(const Tensor& x) { return Erfc::of(x); }

}  // namespace vitro
