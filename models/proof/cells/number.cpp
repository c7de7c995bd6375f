// Calculates with numbers that have all digits, and with their printed digits, in parallel.
#include <cmath>

#include "models/proof/cells/steps.h"

namespace vitro::proof::cells {

namespace {

template <class F>
std::optional<Decimal> if_both(const Number& a, const Number& b, F f) {
  if (!a.shown || !b.shown) return {};
  return f(*a.shown, *b.shown);
}
template <class F>
std::optional<Decimal> if_shown(const Number& a, F f) {
  if (!a.shown) return {};
  return f(*a.shown);
}

}  // namespace

Number operator+(const Number& a, const Number& b) {
  return {a.exact + b.exact, if_both(a, b, [](auto& x, auto& y) { return x + y; })};
}
Number operator-(const Number& a, const Number& b) {
  return {a.exact - b.exact, if_both(a, b, [](auto& x, auto& y) { return x - y; })};
}
Number operator*(const Number& a, const Number& b) {
  return {a.exact * b.exact, if_both(a, b, [](auto& x, auto& y) { return x * y; })};
}
Number operator/(const Number& a, const Number& b) {
  return {a.exact / b.exact, if_both(a, b, [](auto& x, auto& y) { return x / y; })};
}
Number operator/(const Number& a, int64_t count) {
  return {a.exact / static_cast<double>(count), if_shown(a, [&](auto& x) { return x / count; })};
}
Number operator-(const Number& a) {
  return {-a.exact, if_shown(a, [](auto& x) { return -x; })};
}
Number exp_of(const Number& a) {
  return {std::exp(a.exact), if_shown(a, [](auto& x) { return exp(x); })};
}
Number log_of(const Number& a) {
  return {std::log(a.exact), if_shown(a, [](auto& x) { return log(x); })};
}
Number sqrt_of(const Number& a) {
  return {std::sqrt(a.exact), if_shown(a, [](auto& x) { return sqrt(x); })};
}
Number tanh_of(const Number& a) {
  return {std::tanh(a.exact), if_shown(a, [](auto& x) { return tanh(x); })};
}
Number erf_of(const Number& a) {
  return {std::erf(a.exact), if_shown(a, [](auto& x) { return erf(x); })};
}
Number sum_of_products(const Number& a, const Number& b, const Number& c, const Number& d) {
  Number sum{a.exact * b.exact + c.exact * d.exact};
  if (a.shown && b.shown && c.shown && d.shown)
    sum.shown = Decimal::sum_of_products(*a.shown, *b.shown, *c.shown, *d.shown);
  return sum;
}

}  // namespace vitro::proof::cells
