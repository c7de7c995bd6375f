// Elementwise arithmetic and functions, each with its derivative on the line above its struct.
#include "framework/tensor/loops.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "ops/ops.h"

namespace vitro {

Tensor full_scalar(double value, DType dtype) {
  check<DTypeError>(is_floating(dtype) || value == std::floor(value),
                    "a number in an expression takes the tensor's dtype: ", value,
                    " is not a whole number, and the tensor is ", dtype);
  return full({}, value, dtype);
}

namespace {

using simd::Binary;
using simd::Unary;

template <Binary kOp>
simd::BinaryKernel kernel() {
  static const simd::BinaryKernel found = simd::binary_kernel(kOp);
  return found;
}
template <Unary kOp>
simd::UnaryKernel kernel() {
  static const simd::UnaryKernel found = simd::unary_kernel(kOp);
  return found;
}

// 1 where the condition holds, else 0, in the dtype of `like`.
Tensor indicator(const Tensor& condition, const Tensor& like) { return condition.to(like.dtype()); }

// y = a - b   =>   da = dy,  db = -dy
struct Sub final : Op<Sub> {
  static constexpr std::string_view kName = "sub";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? dy : Tensor(), needs(1) ? -dy : Tensor()};
  }
};

// y = a b   =>   da = dy b,  db = dy a
struct Mul final : Op<Mul> {
  static constexpr std::string_view kName = "mul";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? dy * input(1) : Tensor(), needs(1) ? dy * input(0) : Tensor()};
  }
};

// y = a / b   =>   da = dy / b,  db = -dy a / b^2
struct Div final : Op<Div> {
  static constexpr std::string_view kName = "div";
  TensorList backward(const Tensor& dy) override {
    Tensor b = input(1);
    return {needs(0) ? dy / b : Tensor(), needs(1) ? -dy * (input(0) / b) / b : Tensor()};
  }
};

// y = x^c   =>   dx = dy c x^(c-1)
struct PowScalar final : Op<PowScalar> {
  static constexpr std::string_view kName = "pow_scalar";
  double c = 1;
  TensorList backward(const Tensor& dy) override {
    return {c == 0 ? zeros_like(dy) : dy * (pow(input(0), c - 1) * c)};
  }
};

// y = a^b   =>   da = dy b a^(b-1),  db = dy y log a;  da = 0 where a = b = 0, db = 0 where a = 0
// <= b
struct Pow final : Op<Pow> {
  static constexpr std::string_view kName = "pow";
  TensorList backward(const Tensor& dy) override {
    Tensor a = input(0), b = input(1), da, db;
    if (needs(0)) {
      Tensor undefined = indicator(eq(b.detach(), 0), dy) * indicator(eq(a.detach(), 0), dy);
      da = dy * b * pow(where(ne(undefined, 0), full_scalar(1, dy.dtype()), a), b - 1.0);
    }
    if (needs(1)) {
      Tensor base = a.detach(),
             flat = where(ge(b.detach(), 0), indicator(eq(base, 0), dy), zeros_like(dy));
      Tensor safe = where(ne(flat, 0), full_scalar(1, dy.dtype()), a);
      db = where(ne(flat, 0), full_scalar(0, dy.dtype()), dy * (pow(safe, b) * log(safe)));
    }
    return {da, db};
  }
};

// y = min(a, b) or max(a, b)   =>   dy to the chosen one; half to each of equals
template <class Self, bool kMax>
struct Extremum : Op<Self> {
  TensorList backward(const Tensor& dy) override {
    Tensor a = this->input(0), b = this->input(1), x = a.detach(), y = b.detach();
    Tensor tie = indicator(eq(x, y), dy) * 0.5;
    auto share = [&](const Tensor& u, const Tensor& v) {
      Tensor wins = kMax ? gt(u, v) : lt(u, v);
      Tensor nan = ne(u, u).to(dy.dtype()) + ne(v, v).to(dy.dtype());
      return dy * (indicator(wins, dy) + tie + indicator(gt(nan, 0), dy));
    };
    return {this->needs(0) ? share(x, y) : Tensor(), this->needs(1) ? share(y, x) : Tensor()};
  }
};
struct Minimum final : Extremum<Minimum, false> {
  static constexpr std::string_view kName = "minimum";
};
struct Maximum final : Extremum<Maximum, true> {
  static constexpr std::string_view kName = "maximum";
};

// y = -x   =>   dx = -dy
struct Neg final : Op<Neg> {
  static constexpr std::string_view kName = "neg";
  TensorList backward(const Tensor& dy) override { return {-dy}; }
};
// y = |x|   =>   dx = dy sign x
struct Abs final : Op<Abs> {
  static constexpr std::string_view kName = "abs";
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0).detach();
    return {dy * (indicator(gt(x, 0), dy) - indicator(lt(x, 0), dy))};
  }
};
// y = e^x   =>   dx = dy y
struct Exp final : Op<Exp> {
  static constexpr std::string_view kName = "exp";
  TensorList backward(const Tensor& dy) override { return {dy * output()}; }
};
// y = log x   =>   dx = dy / x
struct Log final : Op<Log> {
  static constexpr std::string_view kName = "log";
  TensorList backward(const Tensor& dy) override { return {dy / input(0)}; }
};
// y = sqrt x   =>   dx = dy / (2 y)
struct Sqrt final : Op<Sqrt> {
  static constexpr std::string_view kName = "sqrt";
  TensorList backward(const Tensor& dy) override { return {dy / (output() * 2.0)}; }
};
// y = x^(-1/2)   =>   dx = -dy y^3 / 2
struct Rsqrt final : Op<Rsqrt> {
  static constexpr std::string_view kName = "rsqrt";
  TensorList backward(const Tensor& dy) override {
    Tensor y = output();
    return {dy * (y * y * y) * -0.5};
  }
};
// y = sin x   =>   dx = dy cos x
struct Sin final : Op<Sin> {
  static constexpr std::string_view kName = "sin";
  TensorList backward(const Tensor& dy) override { return {dy * cos(input(0))}; }
};
// y = cos x   =>   dx = -dy sin x
struct Cos final : Op<Cos> {
  static constexpr std::string_view kName = "cos";
  TensorList backward(const Tensor& dy) override { return {-dy * sin(input(0))}; }
};
// y = erf x   =>   dx = dy 2/sqrt(pi) e^(-x^2)
struct Erf final : Op<Erf> {
  static constexpr std::string_view kName = "erf";
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0);
    return {dy * exp(-(x * x)) * (2 * std::numbers::inv_sqrtpi)};
  }
};
// y = x inside [low, high], else the nearer bound   =>   dx = dy inside, else 0
struct Clamp final : Op<Clamp> {
  static constexpr std::string_view kName = "clamp";
  double low = 0, high = 0;
  TensorList backward(const Tensor& dy) override {
    Tensor x = input(0).detach();
    return {dy * (indicator(ge(x, low), dy) * indicator(le(x, high), dy))};
  }
};
// y = a where c, else b   =>   da = dy where c,  db = dy elsewhere
struct Where final : Op<Where> {
  static constexpr std::string_view kName = "where";
  TensorList backward(const Tensor& dy) override {
    Tensor c = input(0), zero = full_scalar(0, dy.dtype());
    return {Tensor(), needs(1) ? where(c, dy, zero) : Tensor(),
            needs(2) ? where(c, zero, dy) : Tensor()};
  }
};

// The float32 path of functions without a SIMD kernel of their own goes through float64.
template <class F>
Tensor unary_by_formula(std::string_view op, const Tensor& x, F f) {
  check_floating(op, x);
  Tensor y = empty(x.shape(), x.dtype());
  Walk<2> walk(y.shape(), {y.strides(), x.strides()});
  visit_dtype(x.dtype(), [&]<class T>() {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> ||
                  std::is_same_v<T, BFloat16>)
      loop(
          walk, y.numel(), kCostlyGrain,
          [&](T v) {
            return static_cast<T>(f(static_cast<double>(
                static_cast<std::conditional_t<std::is_same_v<T, BFloat16>, float, T>>(v))));
          },
          raw<T>(y), raw<T>(x));
  });
  return y;
}

}  // namespace

Tensor sub(const Tensor& a, const Tensor& b) {
  Tensor y = binary("sub", a, b, kernel<Binary::kSub>(), [](auto u, auto v) { return u - v; });
  record<Sub>(y, a, b);
  return y;
}
Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = binary("mul", a, b, kernel<Binary::kMul>(), [](auto u, auto v) { return u * v; });
  if (Node* node = record<Mul>(y, a, b)) {
    if (node->needs(1)) node->save_input(0, a);
    if (node->needs(0)) node->save_input(1, b);
  }
  return y;
}
Tensor div(const Tensor& a, const Tensor& b) {
  check_same_dtype("div", a, b);
  check_floating("div", a);
  Tensor y = binary("div", a, b, kernel<Binary::kDiv>(), [](auto u, auto v) {
    return static_cast<decltype(u)>(static_cast<double>(u) / static_cast<double>(v));
  });
  if (Node* node = record<Div>(y, a, b)) {
    if (node->needs(1)) node->save_input(0, a);
    node->save_input(1, b);
  }
  return y;
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  Tensor y = binary("minimum", a, b, kernel<Binary::kMinimum>(),
                    [](auto u, auto v) { return u != u || u < v ? u : v; });
  if (Node* node = record<Minimum>(y, a, b)) node->save_input(0, a), node->save_input(1, b);
  return y;
}
Tensor maximum(const Tensor& a, const Tensor& b) {
  Tensor y = binary("maximum", a, b, kernel<Binary::kMaximum>(),
                    [](auto u, auto v) { return u != u || u > v ? u : v; });
  if (Node* node = record<Maximum>(y, a, b)) node->save_input(0, a), node->save_input(1, b);
  return y;
}

Tensor pow(const Tensor& x, double c) {
  check_floating("pow", x);
  Tensor y = unary_by_formula("pow", x, [c](double v) { return std::pow(v, c); });
  if (auto* node = record<PowScalar>(y, x)) {
    node->c = c;
    node->save_input(0, x);
  }
  return y;
}
Tensor pow(const Tensor& a, const Tensor& b) {
  check_same_dtype("pow", a, b);
  check_floating("pow", a);
  simd::BinaryKernel by_formula = [](const float* u, const float* v, float* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      y[i] = static_cast<float>(std::pow(static_cast<double>(u[i]), static_cast<double>(v[i])));
  };
  Tensor y = binary(
      "pow", a, b, by_formula,
      [](auto u, auto v) {
        return static_cast<decltype(u)>(std::pow(static_cast<double>(u), static_cast<double>(v)));
      },
      kCostlyGrain);
  if (Node* node = record<Pow>(y, a, b)) node->save_input(0, a), node->save_input(1, b);
  return y;
}

Tensor neg(const Tensor& x) {
  check_defined("neg", x, "the tensor");
  check<DTypeError>(x.dtype() != kBool, "neg: bool tensors have no arithmetic");
  Tensor y = is_floating(x.dtype())
                 ? unary(
                       "neg", x, kernel<Unary::kNeg>(), [](double v) { return -v; }, kCheapGrain)
                 : sub(full_scalar(0, x.dtype()), x);
  record<Neg>(y, x);
  return y;
}
Tensor abs(const Tensor& x) {
  Tensor y = unary(
      "abs", x, kernel<Unary::kAbs>(), [](double v) { return std::abs(v); }, kCheapGrain);
  if (Node* node = record<Abs>(y, x)) node->save_input(0, x);
  return y;
}
Tensor exp(const Tensor& x) {
  Tensor y = unary("exp", x, kernel<Unary::kExp>(), [](double v) { return std::exp(v); });
  if (Node* node = record<Exp>(y, x)) node->save_output(y);
  return y;
}
Tensor log(const Tensor& x) {
  Tensor y = unary("log", x, kernel<Unary::kLog>(), [](double v) { return std::log(v); });
  if (Node* node = record<Log>(y, x)) node->save_input(0, x);
  return y;
}
Tensor sqrt(const Tensor& x) {
  Tensor y = unary("sqrt", x, kernel<Unary::kSqrt>(), [](double v) { return std::sqrt(v); });
  if (Node* node = record<Sqrt>(y, x)) node->save_output(y);
  return y;
}
Tensor rsqrt(const Tensor& x) {
  Tensor y = unary("rsqrt", x, kernel<Unary::kRsqrt>(), [](double v) { return 1 / std::sqrt(v); });
  if (Node* node = record<Rsqrt>(y, x)) node->save_output(y);
  return y;
}
Tensor sin(const Tensor& x) {
  Tensor y = unary("sin", x, kernel<Unary::kSin>(), [](double v) { return std::sin(v); });
  if (Node* node = record<Sin>(y, x)) node->save_input(0, x);
  return y;
}
Tensor cos(const Tensor& x) {
  Tensor y = unary("cos", x, kernel<Unary::kCos>(), [](double v) { return std::cos(v); });
  if (Node* node = record<Cos>(y, x)) node->save_input(0, x);
  return y;
}
Tensor erf(const Tensor& x) {
  Tensor y = unary("erf", x, kernel<Unary::kErf>(), [](double v) { return std::erf(v); });
  if (Node* node = record<Erf>(y, x)) node->save_input(0, x);
  return y;
}

Tensor clamp(const Tensor& x, std::optional<double> low, std::optional<double> high) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  check_defined("clamp", x, "the tensor");
  Tensor y = x.detach();
  if (low) y = maximum(y, full_scalar(*low, x.dtype()));
  if (high) y = minimum(y, full_scalar(*high, x.dtype()));
  if (!low && !high) y = clone(y);
  if (auto* node = record<Clamp>(y, x)) {
    node->low = low.value_or(-kInf);
    node->high = high.value_or(kInf);
    node->save_input(0, x);
  }
  return y;
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_dtype("where", a, b);
  check_defined("where", condition, "the condition");
  check<DTypeError>(condition.dtype() == kBool, "where: the condition must be bool: got ",
                    condition.dtype());
  Tensor y = empty(broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape())),
                   a.dtype());
  auto strides = [&](const Tensor& x) {
    return expanded_strides(x.shape(), x.strides(), y.shape());
  };
  Walk<4> walk(y.shape(), {y.strides(), strides(condition), strides(a), strides(b)});
  visit_dtype(y.dtype(), [&]<class T>() {
    loop(
        walk, y.numel(), kCheapGrain, [](bool c, T u, T v) { return c ? u : v; }, raw<T>(y),
        raw<bool>(condition), raw<T>(a), raw<T>(b));
  });
  if (Node* node = record<Where>(y, condition, a, b)) node->save_input(0, condition);
  return y;
}

}  // namespace vitro
