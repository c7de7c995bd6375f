// Arithmetic ops.  The comment above each struct gives the op and its derivative.
#include <cmath>

#include "ops/elementwise.h"

namespace vitro {

using simd::Binary;
using simd::Unary;

Tensor full_scalar(const Number& value, DType dtype, std::string_view op) {
  Tensor y = empty({}, dtype);
  visit_dtype(dtype, [&]<class T>() { *raw<T>(y) = number_as<T>(op, value); });
  return y;
}

namespace {
// y = a - b   =>   da = dy,  db = -dy
struct Sub final : Op<Sub> {
  static constexpr std::string_view kName = "sub";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? dy : Tensor(), needs(1) ? -dy : Tensor()};
  }
};
}  // namespace
Tensor sub(const Tensor& a, const Tensor& b) {
  Tensor y = binary("sub", a, b, kernel<Binary::kSub>(), [](auto u, auto v) { return u - v; });
  record<Sub>(y, a, b);
  return y;
}

namespace {
// y = a b   =>   da = dy b,  db = dy a
struct Mul final : Op<Mul> {
  static constexpr std::string_view kName = "mul";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? dy * input(1) : Tensor(), needs(1) ? dy * input(0) : Tensor()};
  }
};
}  // namespace
Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = binary("mul", a, b, kernel<Binary::kMul>(), [](auto u, auto v) { return u * v; });
  if (Node* node = record<Mul>(y, a, b)) {
    if (node->needs(1)) node->save_input(0, a);
    if (node->needs(0)) node->save_input(1, b);
  }
  return y;
}

namespace {
// y = a b, 0 where b = 0   =>   da = dy b, 0 where b = 0,  db = dy a
struct MulOrZero final : Op<MulOrZero> {
  static constexpr std::string_view kName = "mul_or_zero";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? mul_or_zero(dy, input(1)) : Tensor(), needs(1) ? dy * input(0) : Tensor()};
  }
};
}  // namespace
Tensor mul_or_zero(const Tensor& a, const Tensor& b) {
  Tensor y = binary("mul_or_zero", a, b, kernel<Binary::kMulOrZero>(),
                    [](auto u, auto v) { return v == 0 ? v : u * v; });
  if (Node* node = record<MulOrZero>(y, a, b)) {
    if (node->needs(1)) node->save_input(0, a);
    if (node->needs(0)) node->save_input(1, b);
  }
  return y;
}

namespace {
// y = a / b   =>   da = dy / b,  db = -dy a / b^2
struct Div final : Op<Div> {
  static constexpr std::string_view kName = "div";
  TensorList backward(const Tensor& dy) override {
    Tensor b = input(1);
    return {needs(0) ? dy / b : Tensor(), needs(1) ? -dy * (input(0) / b) / b : Tensor()};
  }
};
}  // namespace
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

namespace {
// y = -x   =>   dx = -dy
struct Neg final : Op<Neg> {
  static constexpr std::string_view kName = "neg";
  TensorList backward(const Tensor& dy) override { return {-dy}; }
};
}  // namespace
Tensor neg(const Tensor& x) {
  check_defined("neg", x, "the tensor");
  check<DTypeError>(
      x.dtype() != kBool,
      "neg: expected a dtype with arithmetic, got bool; convert with to(kInt64) or to(kFloat32)");
  Tensor y = is_floating(x.dtype())
                 ? unary(
                       "neg", x, kernel<Unary::kNeg>(), [](double v) { return -v; }, kCheapGrain)
                 : sub(full_scalar(0, x.dtype()), x);
  record<Neg>(y, x);
  return y;
}

namespace {
// y_i = f(x_i) for functions without a SIMD kernel; f computes in float64 for every dtype.
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

// y = x^c   =>   dx = dy c x^(c-1)
struct PowScalar final : Op<PowScalar> {
  static constexpr std::string_view kName = "pow_scalar";
  double c = 1;
  TensorList backward(const Tensor& dy) override {
    return {c == 0 ? zeros_like(dy) : dy * (pow(input(0), c - 1) * c)};
  }
};
}  // namespace
Tensor pow(const Tensor& x, double c) {
  check_floating("pow", x);
  Tensor y = unary_by_formula("pow", x, [c](double v) { return std::pow(v, c); });
  if (auto* node = record<PowScalar>(y, x)) {
    node->c = c;
    node->save_input(0, x);
  }
  return y;
}

namespace {
// y = a^b   =>   da = dy b a^(b-1),  db = dy y log a
// Exceptions: da = 0 where b = 0, even if a = 0 or dy is not finite; db = 0 where a = 0 <= b.
struct Pow final : Op<Pow> {
  static constexpr std::string_view kName = "pow";
  TensorList backward(const Tensor& dy) override {
    Tensor a = input(0), b = input(1), da, db;
    if (needs(0)) {
      const Tensor not_finite = ne(dy.detach() * 0.0, 0);  // infinity * 0 is NaN, and NaN != 0
      const Tensor odd = maximum(indicator(eq(a.detach(), 0), dy), indicator(not_finite, dy));
      const Tensor is_undefined = ne(indicator(eq(b.detach(), 0), dy) * odd, 0);
      da = masked_fill(dy, is_undefined, 0) * b *
           pow(where(is_undefined, full_scalar(1, dy.dtype()), a), b - 1.0);
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
}  // namespace
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

}  // namespace vitro
