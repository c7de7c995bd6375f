// Elementwise choices: minimum, maximum, clamp, where.
#include <limits>

#include "ops/elementwise.h"

namespace vitro {

using simd::Binary;

namespace {
// y = min(a, b) or max(a, b)   =>   da = dy where a is chosen, else 0; the same for b
// If a = b, each gets dy / 2.  If one is NaN, each gets dy.
template <class Self, bool kMax>
struct Extremum : Op<Self> {
  TensorList backward(const Tensor& dy) override {
    Tensor a = this->input(0), b = this->input(1), x = a.detach(), y = b.detach();
    const Tensor won = where(eq(x, y), dy * 0.5, dy);
    auto share = [&](const Tensor& u, const Tensor& v) {
      return masked_fill(won, kMax ? lt(u, v) : gt(u, v), 0);
    };
    return {this->needs(0) ? share(x, y) : Tensor(), this->needs(1) ? share(y, x) : Tensor()};
  }
};
}  // namespace

namespace {
struct Minimum final : Extremum<Minimum, false> {
  static constexpr std::string_view kName = "minimum";
};
}  // namespace
Tensor minimum(const Tensor& a, const Tensor& b) {
  Tensor y = binary("minimum", a, b, kernel<Binary::kMinimum>(),
                    [](auto u, auto v) { return u != u || u < v ? u : v; });
  if (Node* node = record<Minimum>(y, a, b)) node->save_input(0, a), node->save_input(1, b);
  return y;
}

namespace {
struct Maximum final : Extremum<Maximum, true> {
  static constexpr std::string_view kName = "maximum";
};
}  // namespace
Tensor maximum(const Tensor& a, const Tensor& b) {
  Tensor y = binary("maximum", a, b, kernel<Binary::kMaximum>(),
                    [](auto u, auto v) { return u != u || u > v ? u : v; });
  if (Node* node = record<Maximum>(y, a, b)) node->save_input(0, a), node->save_input(1, b);
  return y;
}

namespace {
// y = x inside [low, high], else the nearer bound   =>   dx = dy inside, else 0
struct Clamp final : Op<Clamp> {
  static constexpr std::string_view kName = "clamp";
  double low = 0, high = 0;
  TensorList backward(const Tensor& dy) override {
    const Tensor x = input(0).detach(), zero = full_scalar(0, dy.dtype());
    return {where(ge(x, low), where(le(x, high), dy, zero), zero)};
  }
};
}  // namespace
Tensor clamp(const Tensor& x, std::optional<Number> low, std::optional<Number> high) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  check_defined("clamp", x, "the tensor");
  Tensor y = x.detach();
  if (low) y = maximum(y, full_scalar(*low, x.dtype(), "clamp"));
  if (high) y = minimum(y, full_scalar(*high, x.dtype(), "clamp"));
  if (!low && !high) y = clone(y);
  if (auto* node = record<Clamp>(y, x)) {
    node->low = low ? low->real : -kInf;
    node->high = high ? high->real : kInf;
    node->save_input(0, x);
  }
  return y;
}

namespace {
// y = a where c, else b   =>   da = dy where c,  db = dy elsewhere
struct Where final : Op<Where> {
  static constexpr std::string_view kName = "where";
  TensorList backward(const Tensor& dy) override {
    Tensor c = input(0), zero = full_scalar(0, dy.dtype());
    return {Tensor(), needs(1) ? where(c, dy, zero) : Tensor(),
            needs(2) ? where(c, zero, dy) : Tensor()};
  }
};
}  // namespace
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_dtype("where", a, b);
  check_defined("where", condition, "the condition");
  check<DTypeError>(condition.dtype() == kBool, "where: expected a bool condition, got ",
                    condition.dtype());
  Tensor y = empty(broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape())),
                   a.dtype());
  const auto strides = [&](const Tensor& x) { return strides_in(x, y.shape()); };
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
