// Comparisons.  Their results are bool tensors, which have no gradient.
#include <cmath>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {
template <class F>
Tensor compare(std::string_view op, const Tensor& a, const Tensor& b, F f) {
  check_same_dtype(op, a, b);
  Tensor y = empty(broadcast(op, a.shape(), b.shape()), kBool);
  Walk<3> walk(y.shape(), {y.strides(), strides_in(a, y.shape()), strides_in(b, y.shape())});
  visit_dtype(a.dtype(), [&]<class T>() {
    loop(walk, y.numel(), kCheapGrain, f, raw<bool>(y), raw<T>(a), raw<T>(b));
  });
  return y;
}
// The number b in a's dtype; ValueError if an integer or bool dtype does not hold it.
Tensor like(std::string_view op, const Tensor& a, const Number& b) {
  check_defined(op, a, "the tensor");
  return full_scalar(b, a.dtype(), op);
}
}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) {
  return compare("eq", a, b, [](auto u, auto v) { return u == v; });
}
Tensor ne(const Tensor& a, const Tensor& b) {
  return compare("ne", a, b, [](auto u, auto v) { return u != v; });
}
Tensor lt(const Tensor& a, const Tensor& b) {
  return compare("lt", a, b, [](auto u, auto v) { return u < v; });
}
Tensor le(const Tensor& a, const Tensor& b) {
  return compare("le", a, b, [](auto u, auto v) { return u <= v; });
}
Tensor gt(const Tensor& a, const Tensor& b) {
  return compare("gt", a, b, [](auto u, auto v) { return u > v; });
}
Tensor ge(const Tensor& a, const Tensor& b) {
  return compare("ge", a, b, [](auto u, auto v) { return u >= v; });
}
Tensor eq(const Tensor& a, const Number& b) { return eq(a, like("eq", a, b)); }
Tensor ne(const Tensor& a, const Number& b) { return ne(a, like("ne", a, b)); }
Tensor lt(const Tensor& a, const Number& b) { return lt(a, like("lt", a, b)); }
Tensor le(const Tensor& a, const Number& b) { return le(a, like("le", a, b)); }
Tensor gt(const Tensor& a, const Number& b) { return gt(a, like("gt", a, b)); }
Tensor ge(const Tensor& a, const Number& b) { return ge(a, like("ge", a, b)); }

static bool all(const Tensor& x) { return sum(x).item<int64_t>() == x.numel(); }

bool equal(const Tensor& a, const Tensor& b) {
  check_same_dtype("equal", a, b);
  return a.shape() == b.shape() && all(eq(a, b));
}
bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol) {
  return all(compare("allclose", a, b, [=](auto u, auto v) {
    const double x = static_cast<double>(u), y = static_cast<double>(v), error = std::abs(x - y);
    return u == v || (std::isfinite(error) && error <= atol + rtol * std::abs(y));
  }));
}

}  // namespace vitro
