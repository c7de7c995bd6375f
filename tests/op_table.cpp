// The rows of the op table, family by family, and the loops that their references are made of.
#include "tests/op_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "framework/random.h"

namespace vitro::tests {

namespace {

// --- loops ---

int64_t count(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

// The array whose element at a place is f(place).
template <class F>
Array generate(const Shape& shape, F f) {
  Array y{shape, {}};
  for (int64_t k = 0; k < count(shape); ++k) {
    Place at(static_cast<size_t>(shape.rank()));
    int64_t rest = k;
    for (int axis = shape.rank(); axis-- > 0; rest /= shape[axis])
      at[static_cast<size_t>(axis)] = rest % shape[axis];
    y.values.push_back(f(at));
  }
  return y;
}

// x at the place that broadcasting reads for `at`.
double spread(const Array& x, const Place& at) {
  Place own(at.end() - x.shape.rank(), at.end());
  for (int i = 0; i < x.shape.rank(); ++i)
    if (x.shape[i] == 1) own[static_cast<size_t>(i)] = 0;
  return x(own);
}
Shape spread_shape(const Shape& a, const Shape& b) {
  Shape out = a.rank() >= b.rank() ? a : b;
  const Shape& other = a.rank() >= b.rank() ? b : a;
  for (int i = 0; i < other.rank(); ++i) {
    int64_t& size = out[out.rank() - other.rank() + i];
    if (size == 1) size = other[i];
  }
  return out;
}

template <class F>
auto map(F f) {
  return [f](const Arrays& x) {
    return generate(x[0].shape, [&](const Place& at) { return f(x[0](at)); });
  };
}
template <class F>
auto map2(F f) {
  return [f](const Arrays& x) {
    const Array &a = x.front(), &b = x.back();
    return generate(spread_shape(a.shape, b.shape),
                    [&](const Place& at) { return f(spread(a, at), spread(b, at)); });
  };
}

using Line = std::vector<double>;
// Every line of x along an axis replaced by f(line), which may have another length.
Array along(const Array& x, int64_t axis, const std::function<Line(const Line&)>& f) {
  const int at = static_cast<int>(axis < 0 ? axis + x.shape.rank() : axis);
  const auto n = static_cast<size_t>(x.shape[at]);
  Shape shape = x.shape;
  shape[at] = static_cast<int64_t>(f(Line(n, 0.5)).size());
  return generate(shape, [&](Place place) {
    auto j = static_cast<size_t>(place[static_cast<size_t>(at)]);
    Line line;
    for (size_t i = 0; i < n; ++i) {
      place[static_cast<size_t>(at)] = static_cast<int64_t>(i);
      line.push_back(x(place));
    }
    return f(line)[j];
  });
}
Array reshaped(Array x, const Shape& shape) {
  x.shape = shape;
  return x;
}
Array without_axis(const Array& x, int64_t axis) {
  Shape shape = x.shape;
  shape.erase(static_cast<int>(axis < 0 ? axis + shape.rank() : axis));
  return reshaped(x, shape);
}

double total(const Line& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum;
}
double average(const Line& x) { return total(x) / static_cast<double>(x.size()); }
double variance(const Line& x, int64_t correction) {
  double sum = 0;
  for (double v : x) sum += (v - average(x)) * (v - average(x));
  return sum / std::max(0.0, static_cast<double>(x.size()) - static_cast<double>(correction));
}
double largest(const Line& x) { return *std::max_element(x.begin(), x.end()); }
double smallest(const Line& x) { return *std::min_element(x.begin(), x.end()); }
double place_of(const Line& x, double value) {
  return static_cast<double>(std::find(x.begin(), x.end(), value) - x.begin());
}
double log_sum_exp(const Line& x) {
  double sum = 0;
  for (double v : x) sum += std::exp(v);
  return std::log(sum);
}
Line softmax_of(const Line& x) {
  Line y;
  for (double v : x) y.push_back(std::exp(v - log_sum_exp(x)));
  return y;
}
Line log_softmax_of(const Line& x) {
  Line y;
  for (double v : x) y.push_back(v - log_sum_exp(x));
  return y;
}

double logistic(double v) { return 1 / (1 + std::exp(-v)); }
double gelu_of(double v) { return v * std::erfc(-v / std::numbers::sqrt2) / 2; }
double gelu_tanh_of(double v) {
  return v * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v))) / 2;
}
double silu_of(double v) { return v * logistic(v); }
double positive_part(double v) { return v > 0 ? v : 0; }

// --- inputs ---

Input any(const Shape& shape) { return {shape}; }
Input small(const Shape& shape) { return {shape, Domain::kSmall}; }
Input positive(const Shape& shape) { return {shape, Domain::kPositive}; }
Input distinct(const Shape& shape) { return {shape, Domain::kDistinct}; }
Input ids(const Shape& shape, int64_t limit) { return {shape, Domain::kIds, limit}; }
Input flags(const Shape& shape) { return {shape, Domain::kBool}; }

using Rows = std::vector<Row>;
using F1 = Tensor (*)(const Tensor&);
using F2 = Tensor (*)(const Tensor&, const Tensor&);

std::string text(const Shape& shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

// --- families ---

const std::vector<Shape> kUnaryShapes = {{2, 3}, {}, {1}, {0, 3}, {2, 1, 4}, {5, 17}};

template <class F>
void add_unary(Rows& rows, const std::string& function, const std::string& op,
               const std::string& variant, Domain domain, std::function<Tensor(const Tensor&)> f,
               F reference) {
  for (const Shape& shape : kUnaryShapes)
    rows.push_back({function,
                    op,
                    variant + (variant.empty() ? "" : ", ") + text(shape),
                    [f](const Tensors& x) { return f(x[0]); },
                    {{shape, domain}},
                    map(reference)});
}

void add_unaries(Rows& rows) {
  struct Entry {
    const char *function, *op, *variant;
    Domain domain;
    std::function<Tensor(const Tensor&)> f;
    double (*reference)(double);
  };
  using enum Domain;
  const Entry entries[] = {
      {"neg", "neg", "", kAny, neg, [](double v) { return -v; }},
      {"abs", "abs", "", kAwayFromZero, abs, [](double v) { return v < 0 ? -v : v; }},
      {"exp", "exp", "", kAny, exp, [](double v) { return std::exp(v); }},
      {"log", "log", "", kPositive, log, [](double v) { return std::log(v); }},
      {"sqrt", "sqrt", "", kPositive, sqrt, [](double v) { return std::sqrt(v); }},
      {"rsqrt", "rsqrt", "", kPositive, rsqrt, [](double v) { return 1 / std::sqrt(v); }},
      {"sin", "sin", "", kAny, sin, [](double v) { return std::sin(v); }},
      {"cos", "cos", "", kAny, cos, [](double v) { return std::cos(v); }},
      {"erf", "erf", "", kAny, erf, [](double v) { return std::erf(v); }},
      {"tanh", "tanh", "", kAny, tanh, [](double v) { return std::tanh(v); }},
      {"sigmoid", "sigmoid", "", kAny, sigmoid, logistic},
      {"relu", "relu", "", kAwayFromZero, relu, positive_part},
      {"gelu", "gelu", "", kAny, [](const Tensor& x) { return gelu(x); }, gelu_of},
      {"gelu", "gelu_tanh", "tanh form", kAny,
       [](const Tensor& x) { return gelu(x, GeluForm::kTanh); }, gelu_tanh_of},
      {"silu", "silu", "", kAny, silu, silu_of},
      {"softplus", "softplus", "", kAny, softplus,
       [](double v) { return std::log(1 + std::exp(v)); }},
      {"pow", "pow_scalar", "2", kAny, [](const Tensor& x) { return pow(x, 2); },
       [](double v) { return v * v; }},
      {"pow", "pow_scalar", "3", kAny, [](const Tensor& x) { return pow(x, 3); },
       [](double v) { return v * v * v; }},
      {"pow", "pow_scalar", "0", kAny, [](const Tensor& x) { return pow(x, 0); },
       [](double) { return 1.0; }},
      {"pow", "pow_scalar", "1", kAny, [](const Tensor& x) { return pow(x, 1); },
       [](double v) { return v; }},
      {"pow", "pow_scalar", "-1", kAwayFromZero, [](const Tensor& x) { return pow(x, -1); },
       [](double v) { return 1 / v; }},
      {"pow", "pow_scalar", "0.5", kPositive, [](const Tensor& x) { return pow(x, 0.5); },
       [](double v) { return std::sqrt(v); }},
      {"clamp", "clamp", "both", kDistinct,
       [](const Tensor& x) { return clamp(x, -0.4375, 0.3125); },
       [](double v) { return v < -0.4375  ? -0.4375
                             : v > 0.3125 ? 0.3125
                                          : v; }},
      {"clamp", "clamp", "low", kDistinct, [](const Tensor& x) { return clamp(x, 0.0625); },
       [](double v) { return v < 0.0625 ? 0.0625 : v; }},
      {"clamp", "clamp", "high", kDistinct, [](const Tensor& x) { return clamp(x, {}, 0.0625); },
       [](double v) { return v > 0.0625 ? 0.0625 : v; }},
      {"clamp", "clamp", "neither", kAny, [](const Tensor& x) { return clamp(x, {}, {}); },
       [](double v) { return v; }},
      {"activate", "relu", "relu", kAwayFromZero,
       [](const Tensor& x) { return activate(x, Activation::kRelu); }, positive_part},
      {"activate", "tanh", "tanh", kAny,
       [](const Tensor& x) { return activate(x, Activation::kTanh); },
       [](double v) { return std::tanh(v); }},
      {"activate", "sigmoid", "sigmoid", kAny,
       [](const Tensor& x) { return activate(x, Activation::kSigmoid); }, logistic},
      {"activate", "gelu", "gelu", kAny,
       [](const Tensor& x) { return activate(x, Activation::kGelu); }, gelu_of},
      {"activate", "gelu_tanh", "gelu tanh", kAny,
       [](const Tensor& x) { return activate(x, Activation::kGeluTanh); }, gelu_tanh_of},
      {"activate", "silu", "silu", kAny,
       [](const Tensor& x) { return activate(x, Activation::kSilu); }, silu_of},
      {"activate", "", "none", kAny, [](const Tensor& x) { return activate(x, Activation::kNone); },
       [](double v) { return v; }},
      {"clone", "clone", "", kAny, clone, [](double v) { return v; }},
      {"contiguous", "", "already", kAny, contiguous, [](double v) { return v; }},
      {"dropout", "", "not training", kAny, [](const Tensor& x) { return dropout(x, 0.5, false); },
       [](double v) { return v; }},
      {"dropout", "", "p = 0", kAny, [](const Tensor& x) { return dropout(x, 0); },
       [](double v) { return v; }},
      {"dropout", "mul", "p = 1", kAny, [](const Tensor& x) { return dropout(x, 1); },
       [](double v) { return 0 * v; }},
      {"operator+", "add", "tensor, number", kAny, [](const Tensor& x) { return x + 1.5; },
       [](double v) { return v + 1.5; }},
      {"operator+", "add", "number, tensor", kAny, [](const Tensor& x) { return 1.5 + x; },
       [](double v) { return 1.5 + v; }},
      {"operator-", "sub", "tensor, number", kAny, [](const Tensor& x) { return x - 1.5; },
       [](double v) { return v - 1.5; }},
      {"operator-", "sub", "number, tensor", kAny, [](const Tensor& x) { return 1.5 - x; },
       [](double v) { return 1.5 - v; }},
      {"operator*", "mul", "tensor, number", kAny, [](const Tensor& x) { return x * 1.5; },
       [](double v) { return v * 1.5; }},
      {"operator*", "mul", "number, tensor", kAny, [](const Tensor& x) { return 1.5 * x; },
       [](double v) { return 1.5 * v; }},
      {"operator/", "div", "tensor, number", kAny, [](const Tensor& x) { return x / 1.5; },
       [](double v) { return v / 1.5; }},
      {"operator/", "div", "number, tensor", kAwayFromZero, [](const Tensor& x) { return 1.5 / x; },
       [](double v) { return 1.5 / v; }},
  };
  for (const Entry& e : entries)
    add_unary(rows, e.function, e.op, e.variant, e.domain, e.f, e.reference);
  rows.push_back({"full_scalar",
                  "",
                  "",
                  [](const Tensors& x) { return full_scalar(2.5, x[0].dtype()); },
                  {any({})},
                  [](const Arrays&) {
                    return Array{{}, {2.5}};
                  }});
}

// f(a, b) over the ways that two shapes broadcast, and with one tensor on both sides.
void add_binary(Rows& rows, const std::string& function, const std::string& op, Domain a, Domain b,
                F2 f, double (*reference)(double, double), const RowOptions& options = {}) {
  const std::pair<Shape, Shape> shapes[] = {
      {{2, 3}, {2, 3}}, {{2, 3}, {3}},    {{2, 1}, {1, 3}},   {{}, {2, 3}},
      {{2, 3}, {1}},    {{}, {}},         {{0, 3}, {1, 3}},   {{1}, {0}},
      {{1}, {1}},       {{3}, {2, 2, 3}}, {{3, 18}, {3, 18}}, {{2, 17}, {2, 1}}};
  for (const auto& [left, right] : shapes)
    rows.push_back({function,
                    op,
                    text(left) + " with " + text(right),
                    [f](const Tensors& x) { return f(x[0], x[1]); },
                    {{left, a}, {right, b}},
                    map2(reference),
                    options});
  Domain both = a == Domain::kAny ? b : a;
  rows.push_back({function,
                  op,
                  "the same tensor twice",
                  [f](const Tensors& x) { return f(x[0], x[0]); },
                  {{{2, 3}, both}},
                  map2(reference),
                  options});
}

void add_binaries(Rows& rows) {
  using enum Domain;
  auto plus = [](double u, double v) { return u + v; };
  auto minus = [](double u, double v) { return u - v; };
  auto times = [](double u, double v) { return u * v; };
  auto over = [](double u, double v) { return u / v; };
  add_binary(rows, "add", "add", kAny, kAny, add, plus);
  add_binary(rows, "sub", "sub", kAny, kAny, sub, minus);
  add_binary(rows, "mul", "mul", kAny, kAny, mul, times);
  add_binary(rows, "div", "div", kAny, kAwayFromZero, div, over);
  add_binary(
      rows, "operator+", "add", kAny, kAny, [](const Tensor& a, const Tensor& b) { return a + b; },
      plus);
  add_binary(
      rows, "operator-", "sub", kAny, kAny, [](const Tensor& a, const Tensor& b) { return a - b; },
      minus);
  add_binary(
      rows, "operator*", "mul", kAny, kAny, [](const Tensor& a, const Tensor& b) { return a * b; },
      times);
  add_binary(
      rows, "operator/", "div", kAny, kAwayFromZero,
      [](const Tensor& a, const Tensor& b) { return a / b; }, over);
  add_binary(rows, "pow", "pow", kPositive, kAny, pow,
             [](double u, double v) { return std::pow(u, v); });
  add_binary(rows, "minimum", "minimum", kDistinct, kDistinct, minimum,
             [](double u, double v) { return u < v ? u : v; });
  add_binary(rows, "maximum", "maximum", kDistinct, kDistinct, maximum,
             [](double u, double v) { return u > v ? u : v; });

  struct Comparison {
    const char* function;
    F2 tensors;
    Tensor (*number)(const Tensor&, double);
    double (*reference)(double, double);
  };
  const Comparison comparisons[] = {
      {"eq", eq, eq, [](double u, double v) -> double { return u == v; }},
      {"ne", ne, ne, [](double u, double v) -> double { return u != v; }},
      {"lt", lt, lt, [](double u, double v) -> double { return u < v; }},
      {"le", le, le, [](double u, double v) -> double { return u <= v; }},
      {"gt", gt, gt, [](double u, double v) -> double { return u > v; }},
      {"ge", ge, ge, [](double u, double v) -> double { return u >= v; }},
  };
  for (const Comparison& c : comparisons) {
    add_binary(rows, c.function, "", kSmallIntegers, kSmallIntegers, c.tensors, c.reference,
               {.derivatives = false});
    for (const Shape& shape : kUnaryShapes)
      rows.push_back({c.function,
                      "",
                      "with a number, " + text(shape),
                      [c](const Tensors& x) { return c.number(x[0], 1); },
                      {{shape, kSmallIntegers}},
                      map([c](double v) { return c.reference(v, 1); }),
                      {.derivatives = false}});
  }

  const std::array<Shape, 3> where_shapes[] = {{{{2, 3}, {2, 3}, {2, 3}}}, {{{3}, {2, 1}, {}}},
                                               {{{2, 1}, {3}, {2, 3}}},    {{{}, {2}, {2}}},
                                               {{{0, 3}, {3}, {1}}},       {{{1}, {1}, {1}}}};
  for (const auto& s : where_shapes)
    rows.push_back({"where",
                    "where",
                    text(s[0]) + ", " + text(s[1]) + ", " + text(s[2]),
                    [](const Tensors& x) { return where(x[0], x[1], x[2]); },
                    {flags(s[0]), any(s[1]), any(s[2])},
                    [](const Arrays& x) {
                      return generate(
                          spread_shape(x[0].shape, spread_shape(x[1].shape, x[2].shape)),
                          [&](const Place& at) {
                            return spread(x[0], at) != 0 ? spread(x[1], at) : spread(x[2], at);
                          });
                    }});
  rows.push_back({"where",
                  "where",
                  "the same tensor twice",
                  [](const Tensors& x) { return where(x[0], x[1], x[1]); },
                  {flags({2, 3}), any({2, 3})},
                  [](const Arrays& x) { return x[1]; }});
}

// --- reductions ---

struct AxisReduction {
  std::string function, op, variant;
  Domain domain;
  std::function<Tensor(const Tensor&)> all;  // null: none
  std::function<Tensor(const Tensor&, int64_t axis, bool keepdim)> one;
  std::function<double(const Line&)> reference;
  bool empty_lines;  // whether a line of no elements has a value
  bool derivatives = true;
};

void add_reduction(Rows& rows, const AxisReduction& r) {
  const std::string prefix = r.variant.empty() ? "" : r.variant + ", ";
  auto add = [&](const std::string& variant, const Shape& shape, int64_t n,
                 std::function<Tensor(const Tensor&)> f,
                 std::function<Array(const Array&)> reference) {
    // The mean of nothing and the variance of one are NaN, which has no derivative.
    bool derivatives =
        r.derivatives && std::isfinite(r.reference(Line(static_cast<size_t>(n), 0.5)));
    rows.push_back({r.function,
                    r.op,
                    prefix + variant,
                    [f](const Tensors& x) { return f(x[0]); },
                    {{shape, r.domain}},
                    [reference](const Arrays& x) { return reference(x[0]); },
                    {.reduction = std::max<int64_t>(1, count(shape)), .derivatives = derivatives}});
  };
  auto line = [f = r.reference](const Line& x) { return Line{f(x)}; };
  if (r.all) {
    std::vector<Shape> shapes = {{2, 3}, {}, {1}, {2, 3, 4}, {3, 1, 19}};
    if (r.empty_lines) shapes.push_back({0, 3});
    for (const Shape& shape : shapes)
      add("all, " + text(shape), shape, count(shape), r.all, [f = r.reference](const Array& x) {
        return Array{{}, {f(x.values)}};
      });
  }
  std::vector<std::pair<Shape, int64_t>> cases = {{{2, 3, 4}, 0},  {{2, 3, 4}, 1},  {{2, 3, 4}, 2},
                                                  {{2, 3, 4}, -1}, {{2, 3, 4}, -3}, {{5}, 0},
                                                  {{2, 1}, 1},     {{1, 3}, 0},     {{0, 3}, 1},
                                                  {{2, 0, 3}, 2},  {{3, 18}, 0},    {{2, 37}, 1}};
  if (r.empty_lines) cases.insert(cases.end(), {{{0, 3}, 0}, {{2, 0}, 1}});
  for (auto& [shape, axis] : cases)
    for (bool keepdim : {false, true})
      add(
          "axis " + std::to_string(axis) + " of " + text(shape) + (keepdim ? ", keepdim" : ""),
          shape, shape[static_cast<int>(axis < 0 ? axis + shape.rank() : axis)],
          [one = r.one, axis = axis, keepdim](const Tensor& x) { return one(x, axis, keepdim); },
          [=, axis = axis](const Array& x) {
            Array y = along(x, axis, line);
            return keepdim ? y : without_axis(y, axis);
          });
  add(
      "axis 0 of a scalar", {}, 1, [one = r.one](const Tensor& x) { return one(x, 0, false); },
      [f = r.reference](const Array& x) {
        return Array{{}, {f(x.values)}};
      });
}

void add_reductions(Rows& rows) {
  using enum Domain;
  auto axis_of = [](auto f) {
    return [f](const Tensor& x, int64_t axis, bool keepdim) { return f(x, axis, keepdim); };
  };
  add_reduction(rows, {"sum", "sum", "", kAny, [](const Tensor& x) { return sum(x); },
                       axis_of([](auto&... x) { return sum(x...); }), total, true});
  add_reduction(rows, {"mean", "mean", "", kAny, [](const Tensor& x) { return mean(x); },
                       axis_of([](auto&... x) { return mean(x...); }), average, true});
  for (int64_t correction : {0, 1})
    add_reduction(rows, {"var", "div", "correction " + std::to_string(correction), kAny,
                         [=](const Tensor& x) { return var(x, {.correction = correction}); },
                         [=](const Tensor& x, int64_t axis, bool keepdim) {
                           return var(x, axis, {.correction = correction, .keepdim = keepdim});
                         },
                         [=](const Line& x) { return variance(x, correction); }, true});
  add_reduction(rows, {"norm", "where", "", kAwayFromZero, [](const Tensor& x) { return norm(x); },
                       axis_of([](auto&... x) { return norm(x...); }),
                       [](const Line& x) {
                         double squares = 0;
                         for (double v : x) squares += v * v;
                         return std::sqrt(squares);
                       },
                       true});
  add_reduction(rows, {"max", "max", "values", kDistinct, [](const Tensor& x) { return max(x); },
                       axis_of([](auto&... x) { return max(x...).values; }), largest, false});
  add_reduction(rows, {"min", "min", "values", kDistinct, [](const Tensor& x) { return min(x); },
                       axis_of([](auto&... x) { return min(x...).values; }), smallest, false});
  auto first_largest = [](const Line& x) { return place_of(x, largest(x)); };
  auto first_smallest = [](const Line& x) { return place_of(x, smallest(x)); };
  add_reduction(rows, {"max",
                       "",
                       "indices",
                       kSmallIntegers,
                       {},
                       axis_of([](auto&... x) { return max(x...).indices; }),
                       first_largest,
                       false,
                       false});
  add_reduction(rows, {"min",
                       "",
                       "indices",
                       kSmallIntegers,
                       {},
                       axis_of([](auto&... x) { return min(x...).indices; }),
                       first_smallest,
                       false,
                       false});
  add_reduction(rows,
                {"argmax", "", "", kSmallIntegers, [](const Tensor& x) { return argmax(x); },
                 axis_of([](auto&... x) { return argmax(x...); }), first_largest, false, false});
  add_reduction(rows,
                {"argmin", "", "", kSmallIntegers, [](const Tensor& x) { return argmin(x); },
                 axis_of([](auto&... x) { return argmin(x...); }), first_smallest, false, false});

  struct TopK {
    Shape shape;
    int64_t k, axis;
    bool largest;
  };
  const TopK cases[] = {{{2, 5}, 3, -1, true}, {{2, 5}, 2, 1, false},  {{4, 3}, 2, 0, true},
                        {{3}, 3, 0, true},     {{2, 3}, 0, 1, true},   {{0, 3}, 2, 1, true},
                        {{1}, 1, 0, false},    {{2, 3, 2}, 2, 1, true}};
  for (const TopK& c : cases) {
    auto order = [k = c.k, high = c.largest](const Line& x) {
      Line places(x.size());
      std::iota(places.begin(), places.end(), 0.0);
      std::stable_sort(places.begin(), places.end(), [&](double i, double j) {
        double u = x[static_cast<size_t>(i)], v = x[static_cast<size_t>(j)];
        return high ? u > v : u < v;
      });
      places.resize(static_cast<size_t>(k));
      return places;
    };
    std::string variant = std::to_string(c.k) + (c.largest ? " largest" : " smallest") + ", axis " +
                          std::to_string(c.axis) + " of " + text(c.shape);
    rows.push_back({"topk",
                    "topk",
                    "values, " + variant,
                    [c](const Tensors& x) { return topk(x[0], c.k, c.axis, c.largest).values; },
                    {distinct(c.shape)},
                    [c, order](const Arrays& x) {
                      return along(x[0], c.axis, [&](const Line& line) {
                        Line y;
                        for (double place : order(line))
                          y.push_back(line[static_cast<size_t>(place)]);
                        return y;
                      });
                    }});
    rows.push_back({"topk",
                    "",
                    "indices, " + variant,
                    [c](const Tensors& x) { return topk(x[0], c.k, c.axis, c.largest).indices; },
                    {{c.shape, kSmallIntegers}},
                    [c, order](const Arrays& x) { return along(x[0], c.axis, order); },
                    {.derivatives = false}});
  }
}

// --- views and copies ---

Array permuted(const Array& x, const Place& axes) {
  Shape shape = x.shape;
  for (size_t i = 0; i < axes.size(); ++i)
    shape[static_cast<int>(i)] = x.shape[static_cast<int>(axes[i])];
  return generate(shape, [&](const Place& at) {
    Place from(at.size());
    for (size_t i = 0; i < axes.size(); ++i) from[static_cast<size_t>(axes[i])] = at[i];
    return x(from);
  });
}
auto range(int64_t start, int64_t stop, int64_t step = 1) {
  return [=](const Line& x) {
    Line y;
    for (int64_t i = start; i < stop; i += step) y.push_back(x[static_cast<size_t>(i)]);
    return y;
  };
}

void add_views(Rows& rows) {
  auto add = [&](const std::string& function, const std::string& op, const std::string& variant,
                 const Shape& shape, std::function<Tensor(const Tensor&)> f,
                 std::function<Array(const Array&)> reference, const RowOptions& options = {}) {
    rows.push_back({function,
                    op,
                    variant,
                    [f](const Tensors& x) { return f(x[0]); },
                    {any(shape)},
                    [reference](const Arrays& x) { return reference(x[0]); },
                    options});
  };
  auto into = [](const Shape& shape) {
    return [shape](const Array& x) { return reshaped(x, shape); };
  };

  struct Reshape {
    Shape from, wanted, result;
  };
  const Reshape shapes[] = {
      {{2, 6}, {3, 4}, {3, 4}}, {{2, 6}, {-1, 4}, {3, 4}}, {{2, 3}, {-1}, {6}},      {{1}, {}, {}},
      {{}, {1, 1}, {1, 1}},     {{0, 3}, {5, 0}, {5, 0}},  {{0, 3}, {-1, 3}, {0, 3}}};
  for (const Reshape& s : shapes) {
    const std::string op = s.from == s.result ? "" : "reshape",
                      variant = text(s.from) + " to " + text(s.wanted);
    add(
        "reshape", op, variant, s.from, [s](const Tensor& x) { return reshape(x, s.wanted); },
        into(s.result));
    add("view", op, variant, s.from, [s](const Tensor& x) { return view(x, s.wanted); },
        into(s.result), {.layouts = false});
  }
  add(
      "reshape", "", "the same shape", {2, 3},
      [](const Tensor& x) {
        return reshape(x, {2, 3});
      },
      into({2, 3}));
  add(
      "reshape", "reshape", "of a transpose", {2, 3},
      [](const Tensor& x) {
        return reshape(transpose(x, 0, 1), {2, 3});
      },
      [](const Array& x) {
        return reshaped(permuted(x, {1, 0}), {2, 3});
      });
  add(
      "view", "reshape", "splitting axes of any stride", {4, 6},
      [](const Tensor& x) {
        return view(x, {2, 2, 3, 2});
      },
      into({2, 2, 3, 2}));
  add(
      "flatten", "reshape", "", {2, 3, 2}, [](const Tensor& x) { return flatten(x); }, into({12}));
  add(
      "flatten", "reshape", "1 to -1", {2, 3, 2}, [](const Tensor& x) { return flatten(x, 1); },
      into({2, 6}));
  add(
      "flatten", "reshape", "0 to 1", {2, 3, 2}, [](const Tensor& x) { return flatten(x, 0, 1); },
      into({6, 2}));
  add(
      "flatten", "", "one axis", {2, 3}, [](const Tensor& x) { return flatten(x, 1, 1); },
      into({2, 3}));
  add(
      "flatten", "reshape", "scalar", {}, [](const Tensor& x) { return flatten(x); }, into({1}));
  add(
      "flatten", "reshape", "size 0", {2, 0, 3}, [](const Tensor& x) { return flatten(x); },
      into({0}));

  auto order = [](const Place& axes) {
    return [axes](const Array& x) { return permuted(x, axes); };
  };
  add(
      "transpose", "permute", "0, 1", {2, 3}, [](const Tensor& x) { return transpose(x, 0, 1); },
      order({1, 0}));
  add(
      "transpose", "permute", "-1, 0", {2, 3, 4},
      [](const Tensor& x) { return transpose(x, -1, 0); }, order({2, 1, 0}));
  add(
      "transpose", "permute", "an axis with itself", {2, 3},
      [](const Tensor& x) { return transpose(x, 1, 1); }, order({0, 1}));
  add(
      "transpose", "permute", "size 0", {0, 3}, [](const Tensor& x) { return transpose(x, 0, 1); },
      order({1, 0}));
  add(
      "transpose", "", "scalar", {}, [](const Tensor& x) { return transpose(x, 0, -1); },
      order({}));
  add("t", "permute", "", {2, 3}, t, order({1, 0}));
  add("t", "permute", "size 1", {1, 1}, t, order({1, 0}));
  add(
      "permute", "permute", "2, 0, 1", {2, 3, 4},
      [](const Tensor& x) {
        return permute(x, {2, 0, 1});
      },
      order({2, 0, 1}));
  add(
      "permute", "permute", "1, -1, 0", {2, 3, 4},
      [](const Tensor& x) {
        return permute(x, {1, -1, 0});
      },
      order({1, 2, 0}));
  add(
      "permute", "permute", "scalar", {}, [](const Tensor& x) { return permute(x, {}); },
      order({}));
  add(
      "permute", "permute", "size 0", {2, 0},
      [](const Tensor& x) {
        return permute(x, {1, 0});
      },
      order({1, 0}));

  add(
      "squeeze", "reshape", "all", {1, 2, 1, 3}, [](const Tensor& x) { return squeeze(x); },
      into({2, 3}));
  add(
      "squeeze", "", "nothing", {2, 3}, [](const Tensor& x) { return squeeze(x); }, into({2, 3}));
  add(
      "squeeze", "reshape", "to a scalar", {1, 1}, [](const Tensor& x) { return squeeze(x); },
      into({}));
  add(
      "squeeze", "reshape", "axis 0", {1, 2, 1}, [](const Tensor& x) { return squeeze(x, 0); },
      into({2, 1}));
  add(
      "squeeze", "reshape", "axis -1", {1, 2, 1}, [](const Tensor& x) { return squeeze(x, -1); },
      into({1, 2}));
  add(
      "squeeze", "", "an axis longer than 1", {1, 2, 1},
      [](const Tensor& x) { return squeeze(x, 1); }, into({1, 2, 1}));
  add(
      "squeeze", "reshape", "size 0", {0, 1}, [](const Tensor& x) { return squeeze(x); },
      into({0}));
  add(
      "unsqueeze", "reshape", "axis 0", {2, 3}, [](const Tensor& x) { return unsqueeze(x, 0); },
      into({1, 2, 3}));
  add(
      "unsqueeze", "reshape", "axis -1", {2, 3}, [](const Tensor& x) { return unsqueeze(x, -1); },
      into({2, 3, 1}));
  add(
      "unsqueeze", "reshape", "scalar", {}, [](const Tensor& x) { return unsqueeze(x, 0); },
      into({1}));
  add(
      "unsqueeze", "reshape", "size 0", {0}, [](const Tensor& x) { return unsqueeze(x, 1); },
      into({0, 1}));

  struct Part {
    Shape shape;
    int64_t axis, start, stop, step, first, last;  // slice's arguments; the elements that they mean
  };
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max();
  const Part parts[] = {{{4, 3}, 0, 1, 3, 1, 1, 3},    {{2, 7}, 1, 1, 7, 2, 1, 7},
                        {{2, 7}, -1, -5, -1, 3, 2, 6}, {{4, 3}, 0, 0, kFar, 1, 0, 4},
                        {{4, 3}, 0, 3, 1, 1, 3, 3},    {{4, 3}, 1, -kFar, 2, 1, 0, 2},
                        {{5}, 0, 0, 5, kFar, 0, 1},    {{0, 3}, 0, 0, 2, 1, 0, 0},
                        {{1, 3}, 0, 0, 1, 1, 0, 1},    {{2, 3, 4}, 1, 1, 3, 1, 1, 3}};
  for (const Part& p : parts)
    add(
        "slice", "slice",
        "axis " + std::to_string(p.axis) + " of " + text(p.shape) + ", " + std::to_string(p.start) +
            ":" + std::to_string(p.stop) + ":" + std::to_string(p.step),
        p.shape, [p](const Tensor& x) { return slice(x, p.axis, p.start, p.stop, p.step); },
        [p](const Array& x) {
          return along(x, p.axis, range(p.first, p.last, std::min<int64_t>(p.step, 100)));
        });
  // The adjoint of slice is an op too: it carries gradients of gradients.
  add(
      "slice", "embed_slice", "its gradient", {2, 3},
      [](const Tensor& dy) {
        AutoGradMode on(true);
        Tensor x = zeros({5, 3}, dy.dtype()).requires_grad_();
        return grad(slice(x, 0, 1, 4, 2), {x}, {.grad_outputs = {dy}, .create_graph = true})[0];
      },
      [](const Array& dy) {
        return generate({5, 3}, [&](const Place& at) {
          return at[0] == 1 || at[0] == 3 ? dy({(at[0] - 1) / 2, at[1]}) : 0;
        });
      });
  add(
      "narrow", "slice", "axis 1", {2, 5}, [](const Tensor& x) { return narrow(x, 1, 1, 3); },
      [](const Array& x) { return along(x, 1, range(1, 4)); });
  add(
      "narrow", "slice", "from the end", {2, 5},
      [](const Tensor& x) { return narrow(x, -1, -2, 2); },
      [](const Array& x) { return along(x, 1, range(3, 5)); });
  add(
      "narrow", "slice", "nothing", {2, 5}, [](const Tensor& x) { return narrow(x, 0, 2, 0); },
      [](const Array& x) { return along(x, 0, range(0, 0)); });
  struct Select {
    Shape shape;
    int64_t axis, index, place;
  };
  for (const Select& s : {Select{{2, 3}, 0, 1, 1},
                          {{2, 3}, 1, 0, 0},
                          {{2, 3, 4}, -2, -1, 2},
                          {{3}, 0, 2, 2},
                          {{1, 3}, 0, 0, 0},
                          {{0, 3}, 1, 2, 2}})
    add(
        "select", "reshape",
        std::to_string(s.index) + " of axis " + std::to_string(s.axis) + " of " + text(s.shape),
        s.shape, [s](const Tensor& x) { return select(x, s.axis, s.index); },
        [s](const Array& x) {
          return without_axis(along(x, s.axis, range(s.place, s.place + 1)), s.axis);
        });

  struct Spread {
    Shape from, to;
  };
  for (const Spread& s : {Spread{{1, 3}, {2, 3}},
                          {{3}, {2, 3}},
                          {{}, {2, 2}},
                          {{2, 1}, {4, 2, 3}},
                          {{1, 3}, {0, 3}},
                          {{2, 3}, {2, 3}},
                          {{1}, {1, 1}}}) {
    const bool same = s.from == s.to;
    add(
        "expand", same ? "" : "expand", text(s.from) + " to " + text(s.to), s.from,
        [s](const Tensor& x) { return expand(x, s.to); },
        [s](const Array& x) {
          return generate(s.to, [&](const Place& at) { return spread(x, at); });
        });
    add(
        "sum_to", same ? "" : "sum_to", text(s.to) + " to " + text(s.from), s.to,
        [s](const Tensor& x) { return sum_to(x, s.from); },
        [s](const Array& x) {
          Array y = generate(s.from, [](const Place&) { return 0.0; });
          generate(s.to,
                   [&](const Place& at) {  // adds each element where expand would have read it
                     Place own(at.end() - s.from.rank(), at.end());
                     int64_t k = 0;
                     for (int i = 0; i < s.from.rank(); ++i)
                       k = k * s.from[i] + (s.from[i] == 1 ? 0 : own[static_cast<size_t>(i)]);
                     return y.values[static_cast<size_t>(k)] += x(at);
                   });
          return y;
        },
        {.reduction = std::max<int64_t>(1, count(s.to))});
  }

  add(
      "contiguous", "clone", "of a transpose", {2, 3},
      [](const Tensor& x) { return contiguous(transpose(x, 0, 1)); }, order({1, 0}));
  add(
      "clone", "clone", "of a slice", {4, 3},
      [](const Tensor& x) { return clone(slice(x, 0, 0, 4, 2)); },
      [](const Array& x) { return along(x, 0, range(0, 4, 2)); });
  add(
      "to", "", "its own dtype", {2, 3}, [](const Tensor& x) { return to(x, x.dtype()); },
      into({2, 3}));
  add(
      "to", "", "int64", {2, 3}, [](const Tensor& x) { return to(x, kInt64); },
      [](const Array& x) { return map([](double v) { return std::trunc(v); })({x}); },
      {.derivatives = false});
  for (const Shape& shape : kUnaryShapes)
    add("to", "to", "float64, " + text(shape), shape,
        [](const Tensor& x) { return to(x, kFloat64); }, into(shape),
        {.dtypes = {kFloat32, kBFloat16}});
}

// [x_0, x_1, ...] along an axis
Array joined(const Arrays& xs, int64_t axis) {
  const int at = static_cast<int>(axis < 0 ? axis + xs[0].shape.rank() : axis);
  Shape shape = xs[0].shape;
  shape[at] = 0;
  for (const Array& x : xs) shape[at] += x.shape[at];
  return generate(shape, [&](Place place) {
    size_t i = 0;
    int64_t& j = place[static_cast<size_t>(at)];
    while (j >= xs[i].shape[at]) j -= xs[i++].shape[at];
    return xs[i](place);
  });
}

void add_joins(Rows& rows) {
  struct Join {
    std::vector<Shape> shapes;
    int64_t axis;
  };
  const Join cats[] = {
      {{{2, 3}, {4, 3}}, 0},         {{{2, 3}, {2, 1}, {2, 2}}, 1},       {{{2, 3}, {2, 3}}, -1},
      {{{0, 3}, {2, 3}, {0, 3}}, 0}, {{{1}, {1}, {1}, {1}, {1}, {1}}, 0}, {{{2, 0}, {2, 0}}, 1}};
  for (const Join& c : cats) {
    std::vector<Input> inputs(c.shapes.size());
    std::transform(c.shapes.begin(), c.shapes.end(), inputs.begin(), any);
    rows.push_back({"cat", "cat",
                    std::to_string(inputs.size()) + " along axis " + std::to_string(c.axis) + ", " +
                        text(c.shapes[0]),
                    [c](const Tensors& x) { return cat(x, c.axis); }, inputs,
                    [c](const Arrays& x) { return joined(x, c.axis); }});
  }
  rows.push_back({"cat",
                  "cat",
                  "the same tensor twice",
                  [](const Tensors& x) {
                    return cat({x[0], x[0]}, 0);
                  },
                  {any({2, 3})},
                  [](const Arrays& x) {
                    return joined({x[0], x[0]}, 0);
                  }});
  const Join stacks[] = {{{{2, 3}, {2, 3}}, 0}, {{{2, 3}, {2, 3}}, 1}, {{{2, 3}, {2, 3}}, -1},
                         {{{}, {}, {}}, 0},     {{{0}, {0}}, 1},       {{{1}}, 0}};
  for (const Join& s : stacks) {
    std::vector<Input> inputs(s.shapes.size());
    std::transform(s.shapes.begin(), s.shapes.end(), inputs.begin(), any);
    rows.push_back({"stack", "cat",
                    std::to_string(inputs.size()) + " along axis " + std::to_string(s.axis) + ", " +
                        text(s.shapes[0]),
                    [s](const Tensors& x) { return stack(x, s.axis); }, inputs,
                    [s](Arrays x) {
                      for (Array& a : x)
                        a.shape.insert(
                            static_cast<int>(s.axis < 0 ? s.axis + a.shape.rank() + 1 : s.axis), 1);
                      return joined(x, s.axis);
                    }});
  }
}

// --- products ---

// c_ij = sum_k a_ik b_kj for the last two axes, the leading ones broadcast; a vector is a row or
// column.
Array product(const Array& a, const Array& b) {
  const int ra = a.shape.rank(), rb = b.shape.rank();
  if (ra == 1) return without_axis(product(reshaped(a, {1, a.shape[0]}), b), rb == 1 ? 0 : -2);
  if (rb == 1) return without_axis(product(a, reshaped(b, {b.shape[0], 1})), -1);
  Shape shape = spread_shape(Shape(std::span(a.shape.begin(), static_cast<size_t>(ra - 2))),
                             Shape(std::span(b.shape.begin(), static_cast<size_t>(rb - 2))));
  shape.push_back(a.shape[ra - 2]);
  shape.push_back(b.shape[rb - 1]);
  return generate(shape, [&](const Place& at) {
    Place left = at, right = at;
    double sum = 0;
    for (int64_t k = 0; k < a.shape[ra - 1]; ++k) {
      left[left.size() - 1] = k;
      right[right.size() - 2] = k;
      // A size of one in the last two axes is read at 0 anyhow, so broadcasting may treat all
      // alike.
      sum += spread(a, left) * spread(b, right);
    }
    return sum;
  });
}

Array times_transpose(const Array& x, const Array& w) { return product(x, permuted(w, {1, 0})); }

void add_products(Rows& rows) {
  struct Pair {
    Shape a, b;
    const char* op = "matmul";
    bool derivatives = true;
  };
  const Pair pairs[] = {{{2, 3}, {3, 4}},
                        {{1, 3}, {3, 1}},
                        {{2, 1}, {1, 2}},
                        {{1, 1}, {1, 1}},
                        {{3}, {3}, "reshape"},
                        {{3}, {3, 4}, "reshape"},
                        {{2, 3}, {3}, "reshape"},
                        {{2, 2, 3}, {3, 4}},
                        {{2, 3}, {2, 3, 4}},
                        {{2, 2, 3}, {2, 3, 2}},
                        {{2, 1, 2, 3}, {3, 3, 2}},
                        {{3}, {2, 3, 2}, "reshape"},
                        {{2, 2, 3}, {3}, "reshape"},
                        {{0, 3}, {3, 4}},
                        {{2, 0}, {0, 4}},
                        {{2, 3}, {3, 0}},
                        {{0, 2, 3}, {3, 4}},
                        {{2, 2, 0}, {0, 4}},
                        {{2, 2, 0}, {2, 0, 4}},
                        {{2, 2, 3}, {3, 0}},
                        {{0}, {0}, "reshape"},
                        {{7, 33}, {33, 18}, "matmul", false},
                        {{96, 80}, {80, 88}, "matmul", false},
                        {{2, 64, 80}, {2, 80, 72}, "matmul", false},
                        {{2, 3, 64, 48}, {3, 48, 72}, "matmul", false}};
  auto depth = [](const Shape& shape) {
    return std::max<int64_t>(1, shape.rank() ? shape.back() : 1);
  };
  for (const Pair& p : pairs) {
    auto f = [](const Tensors& x) { return matmul(x[0], x[1]); };
    rows.push_back({"matmul",
                    p.op,
                    text(p.a) + " x " + text(p.b),
                    f,
                    {any(p.a), any(p.b)},
                    [](const Arrays& x) { return product(x[0], x[1]); },
                    {.reduction = depth(p.a), .derivatives = p.derivatives, .scale = f}});
  }
  auto square = [](const Tensors& x) { return matmul(x[0], x[0]); };
  rows.push_back({"matmul",
                  "matmul",
                  "the same tensor twice",
                  square,
                  {any({3, 3})},
                  [](const Arrays& x) { return product(x[0], x[0]); },
                  {.reduction = 3, .scale = square}});
  auto gram = [](const Tensors& x) { return matmul(x[0], transpose(x[0], 0, 1)); };
  rows.push_back({"matmul",
                  "matmul",
                  "with its own transpose",
                  gram,
                  {any({2, 3})},
                  [](const Arrays& x) { return times_transpose(x[0], x[0]); },
                  {.reduction = 3, .scale = gram}});

  struct Fused {
    Activation f;
    const char *op, *variant;
    double (*reference)(double);
  };
  const Fused activations[] = {
      {Activation::kNone, "linear", "", [](double v) { return v; }},
      {Activation::kRelu, "linear", "relu, ", positive_part},
      {Activation::kTanh, "linear", "tanh, ", [](double v) { return std::tanh(v); }},
      {Activation::kSigmoid, "linear", "sigmoid, ", logistic},
      {Activation::kGelu, "gelu", "gelu, ", gelu_of},
      {Activation::kGeluTanh, "gelu_tanh", "gelu tanh, ", gelu_tanh_of},
      {Activation::kSilu, "silu", "silu, ", silu_of},
  };
  struct Shapes {
    Shape x, weight;
    bool derivatives = true;
  };
  const Shapes shapes[] = {{{2, 3}, {4, 3}},           {{3}, {4, 3}},
                           {{2, 2, 3}, {4, 3}},        {{1, 1}, {1, 1}},
                           {{0, 3}, {4, 3}},           {{2, 0}, {4, 0}},
                           {{2, 3}, {0, 3}},           {{2, 0}, {0, 0}},
                           {{2, 0, 3}, {4, 3}},        {{5, 33}, {17, 33}, false},
                           {{96, 80}, {88, 80}, false}};
  for (const Fused& a : activations)
    for (const Shapes& s : shapes)
      for (bool bias : {false, true}) {
        auto linear_with = [bias](const Tensors& x, Activation f) {
          return linear(x[0], x[1], bias ? x[2] : Tensor(), f);
        };
        std::vector<Input> inputs = {any(s.x), small(s.weight)};  // f is not saturated
        if (bias) inputs.push_back(small({s.weight[0]}));
        rows.push_back(
            {"linear",
             a.op,
             a.variant + text(s.x) + ", " + text(s.weight) + (bias ? " with bias" : ""),
             [=](const Tensors& x) { return linear_with(x, a.f); },
             inputs,
             [bias, f = a.reference](const Arrays& x) {
               Array z = times_transpose(x[0], x[1]);
               return generate(z.shape, [&](const Place& at) {
                 return f(z(at) + (bias ? x[2]({at.back()}) : 0));
               });
             },
             {.reduction = depth(s.x),
              .derivatives = s.derivatives,
              .scale = [=](const Tensors& x) { return linear_with(x, Activation::kNone); }}});
      }
  auto tied = [](const Tensors& x) { return linear(x[0], x[0]); };
  rows.push_back({"linear",
                  "linear",
                  "the same tensor twice",
                  tied,
                  {any({2, 3})},
                  [](const Arrays& x) { return times_transpose(x[0], x[0]); },
                  {.reduction = 3, .scale = tied}});
}

// --- softmax family ---

void add_softmaxes(Rows& rows) {
  const std::pair<Shape, int64_t> cases[] = {
      {{2, 5}, 1},    {{2, 5}, 0},  {{2, 3, 4}, 1}, {{2, 3, 4}, -1}, {{2, 3, 4}, -3},
      {{5}, 0},       {{3, 1}, 1},  {{1}, 0},       {{0, 3}, 1},     {{0, 3}, 0},
      {{2, 0, 3}, 2}, {{3, 37}, 1}, {{37, 3}, 0}};
  for (const auto& [shape, axis] : cases) {
    const std::string variant = "axis " + std::to_string(axis) + " of " + text(shape);
    const RowOptions options{.reduction = std::max<int64_t>(1, count(shape))};
    auto of = [axis = axis](auto f) {
      return [f, axis](const Tensors& x) { return f(x[0], axis); };
    };
    auto lines = [axis = axis](Line (*f)(const Line&)) {
      return [f, axis](const Arrays& x) { return along(x[0], axis, f); };
    };
    rows.push_back(
        {"softmax", "softmax", variant, of(softmax), {any(shape)}, lines(softmax_of), options});
    rows.push_back({"log_softmax",
                    "log_softmax",
                    variant,
                    of(log_softmax),
                    {any(shape)},
                    lines(log_softmax_of),
                    options});
    for (bool keepdim : {false, true})
      rows.push_back(
          {"logsumexp",
           "logsumexp",
           variant + (keepdim ? ", keepdim" : ""),
           [axis = axis, keepdim](const Tensors& x) { return logsumexp(x[0], axis, keepdim); },
           {any(shape)},
           [axis = axis, keepdim](const Arrays& x) {
             Array y = along(x[0], axis, [](const Line& line) { return Line{log_sum_exp(line)}; });
             return keepdim ? y : without_axis(y, axis);
           },
           options});
  }
}

// --- indexing ---

void add_indexing(Rows& rows) {
  struct Lookup {
    Shape ids;
    int64_t vocabulary, width;
  };
  for (const Lookup& c : {Lookup{{4}, 5, 3},
                          {{2, 3}, 4, 2},
                          {{}, 3, 2},
                          {{0}, 3, 2},
                          {{6}, 1, 1},
                          {{3}, 4, 0},
                          {{9}, 3, 20}})
    rows.push_back({"embedding",
                    "embedding",
                    "ids " + text(c.ids) + " of " + text({c.vocabulary, c.width}),
                    [](const Tensors& x) { return embedding(x[0], x[1]); },
                    {ids(c.ids, c.vocabulary), any({c.vocabulary, c.width})},
                    [c](const Arrays& x) {
                      Shape shape = c.ids;
                      shape.push_back(c.width);
                      return generate(shape, [&](Place at) {
                        int64_t column = at.back();
                        at.pop_back();
                        return x[1]({static_cast<int64_t>(x[0](at)), column});
                      });
                    },
                    {.reduction = std::max<int64_t>(1, count(c.ids))}});

  struct Chosen {
    Shape shape;
    int64_t axis;
    Shape ids;
  };
  for (const Chosen& c : {Chosen{{4, 3}, 0, {3}},
                          {{2, 4}, 1, {5}},
                          {{2, 3, 2}, -2, {2}},
                          {{4}, 0, {0}},
                          {{0, 3}, 1, {2}},
                          {{1}, 0, {1}}}) {
    const int64_t n = c.shape[static_cast<int>(c.axis < 0 ? c.axis + c.shape.rank() : c.axis)];
    rows.push_back({"index_select",
                    "index_select",
                    text(c.ids) + " of axis " + std::to_string(c.axis) + " of " + text(c.shape),
                    [c](const Tensors& x) { return index_select(x[0], c.axis, x[1]); },
                    {any(c.shape), ids(c.ids, n)},
                    [c](const Arrays& x) {
                      return along(x[0], c.axis, [&](const Line& line) {
                        Line y;
                        for (double id : x[1].values) y.push_back(line[static_cast<size_t>(id)]);
                        return y;
                      });
                    },
                    {.reduction = std::max<int64_t>(1, count(c.ids))}});
  }
  const Chosen places[] = {{{3, 4}, 1, {3, 2}}, {{3, 4}, 0, {2, 4}}, {{2, 3, 2}, -2, {2, 5, 1}},
                           {{4}, 0, {0}},       {{0, 3}, 1, {0, 2}}, {{1}, 0, {3}},
                           {{3, 4}, 0, {5, 2}}};
  for (const Chosen& c : places) {
    const auto at = static_cast<size_t>(c.axis < 0 ? c.axis + c.shape.rank() : c.axis);
    const std::string variant =
        "ids " + text(c.ids) + " along axis " + std::to_string(c.axis) + " of " + text(c.shape);
    const Input where = ids(c.ids, c.shape[static_cast<int>(at)]);
    const RowOptions options{.reduction = std::max<int64_t>(1, count(c.ids))};
    rows.push_back({"gather",
                    "gather",
                    variant,
                    [c](const Tensors& x) { return gather(x[0], c.axis, x[1]); },
                    {any(c.shape), where},
                    [at](const Arrays& x) {
                      return generate(x[1].shape, [&](Place place) {
                        place[at] = static_cast<int64_t>(x[1](place));
                        return x[0](place);
                      });
                    },
                    options});
    for (bool larger : {false, true}) {
      Shape source;
      for (int64_t size : c.ids) source.push_back(size + larger);
      rows.push_back({"scatter_add",
                      "scatter_add",
                      variant + (larger ? ", larger source" : ""),
                      [c](const Tensors& x) { return scatter_add(x[0], c.axis, x[1], x[2]); },
                      {any(c.shape), where, any(source)},
                      [at](const Arrays& x) {
                        return generate(x[0].shape, [&](const Place& to) {
                          double sum = x[0](to);
                          generate(x[1].shape, [&](const Place& from) {
                            Place lands = from;
                            lands[at] = static_cast<int64_t>(x[1](from));
                            return lands == to ? sum += x[2](from) : 0;
                          });
                          return sum;
                        });
                      },
                      options});
    }
  }

  for (const Shape& shape : {Shape{4}, {2, 3}, {}, {0}})
    rows.push_back({"one_hot",
                    "",
                    "5 classes, " + text(shape),
                    [](const Tensors& x) { return one_hot(x[0], 5); },
                    {ids(shape, 5)},
                    [](const Arrays& x) {
                      Shape wide = x[0].shape;
                      wide.push_back(5);
                      return generate(wide, [&](Place at) {
                        int64_t column = at.back();
                        at.pop_back();
                        return x[0](at) == static_cast<double>(column) ? 1.0 : 0.0;
                      });
                    },
                    {.derivatives = false}});
  rows.push_back({"one_hot",
                  "",
                  "as many classes as there are",
                  [](const Tensors& x) { return one_hot(x[0]); },
                  {ids({3}, 4)},
                  [](const Arrays& x) {
                    auto classes = static_cast<int64_t>(largest(x[0].values)) + 1;
                    return generate({3, classes}, [&](const Place& at) {
                      return x[0]({at[0]}) == static_cast<double>(at[1]) ? 1.0 : 0.0;
                    });
                  },
                  {.derivatives = false}});
  for (const Shape& shape : {Shape{3, 4}, {5}, {}, {0, 2}, {1, 1}})
    rows.push_back({"nonzero",
                    "",
                    text(shape),
                    [](const Tensors& x) { return nonzero(x[0]); },
                    {{shape, Domain::kSmallIntegers}},
                    [](const Arrays& x) {
                      Array y{{0, x[0].shape.rank()}, {}};
                      generate(x[0].shape, [&](const Place& at) {
                        if (x[0](at) == 0) return 0.0;
                        y.shape[0] += 1;
                        y.values.insert(y.values.end(), at.begin(), at.end());
                        return 0.0;
                      });
                      return y;
                    },
                    {.derivatives = false}});
}

// --- norms ---

// (x - mean) / sqrt(var + eps), or x / sqrt(mean x^2 + eps)
Line normalized_line(const Line& x, bool centered, double eps) {
  const double mean = centered ? average(x) : 0;
  double squares = 0;
  for (double v : x) squares += (v - mean) * (v - mean);
  Line z;
  for (double v : x)
    z.push_back((v - mean) / std::sqrt(squares / static_cast<double>(x.size()) + eps));
  return z;
}

void add_norms(Rows& rows) {
  constexpr double kEps = 1e-3;
  const Shape shapes[] = {{2, 5}, {5}, {2, 3, 4}, {0, 3}, {3, 37}, {2, 1}, {70, 3}};
  for (const Shape& shape : shapes)
    for (bool weighted : {true, false})
      for (bool biased : {true, false})
        for (bool centered : {true, false}) {
          if (biased && !centered) continue;
          std::vector<Input> inputs = {any(shape)};
          if (weighted) inputs.push_back(any({shape.back()}));
          if (biased) inputs.push_back(any({shape.back()}));
          auto f = [=](const Tensors& x) {
            const Tensor w = weighted ? x[1] : Tensor(), b = biased ? x.back() : Tensor();
            return centered ? layer_norm(x[0], w, b, kEps) : rms_norm(x[0], w, kEps);
          };
          auto reference = [=](const Arrays& x) {
            const Array z = along(
                x[0], -1, [=](const Line& line) { return normalized_line(line, centered, kEps); });
            return generate(x[0].shape, [&](const Place& at) {
              const Place last = {at.back()};
              return z(at) * (weighted ? x[1](last) : 1) + (biased ? x.back()(last) : 0);
            });
          };
          const std::string name = centered ? "layer_norm" : "rms_norm";
          rows.push_back({name,
                          name,
                          text(shape) + (weighted ? ", weight" : "") + (biased ? ", bias" : ""),
                          f,
                          inputs,
                          reference,
                          {.reduction = std::max<int64_t>(1, count(shape))}});
        }
}

// --- masks and positions ---

void add_with_narrow(Rows& rows, Row row);

void add_masks(Rows& rows) {
  const std::pair<Shape, Shape> pairs[] = {
      {{2, 3}, {2, 3}}, {{2, 3, 4}, {3, 1}}, {{4}, {}}, {{0, 3}, {3}}, {{2, 37}, {37}}};
  for (const auto& [shape, mask] : pairs)
    rows.push_back({"masked_fill",
                    "where",
                    text(shape) + " by " + text(mask),
                    [](const Tensors& x) { return masked_fill(x[0], x[1], -2.5); },
                    {any(shape), flags(mask)},
                    [](const Arrays& x) {
                      return generate(x[0].shape, [&](const Place& at) {
                        return spread(x[1], at) != 0 ? -2.5 : x[0](at);
                      });
                    }});
  for (const Shape& shape : {Shape{3, 3}, {2, 3, 5}, {5, 2}, {0, 3}, {1, 1}})
    for (int64_t diagonal : {0, 1, -2})
      rows.push_back({"tril",
                      "where",
                      text(shape) + ", diagonal " + std::to_string(diagonal),
                      [=](const Tensors& x) { return tril(x[0], diagonal); },
                      {any(shape)},
                      [=](const Arrays& x) {
                        return generate(x[0].shape, [&](const Place& at) {
                          return at.back() - at[at.size() - 2] <= diagonal ? x[0](at) : 0.0;
                        });
                      }});
  for (const Shape& shape : {Shape{3, 4}, {2, 3, 2}, {2, 2, 5, 6}, {0, 4}, {2, 34}})
    for (int64_t start : {0, 7})
      add_with_narrow(
          rows, {"rope",
                 "add",
                 text(shape) + " from " + std::to_string(start),
                 [=](const Tensors& x) { return rope(x[0], {.start = start, .base = 100}); },
                 {any(shape)},
                 [=](const Arrays& x) {
                   return generate(x[0].shape, [&](Place at) {
                     const int64_t width = x[0].shape.back(), half = width / 2,
                                   i = at.back() % half, t = start + at[at.size() - 2];
                     const double angle =
                         static_cast<double>(t) /
                         std::pow(100, 2.0 * static_cast<double>(i) / static_cast<double>(width));
                     const bool is_first = at.back() < half;
                     at.back() = i;
                     const double a = x[0](at);
                     at.back() = i + half;
                     const double b = x[0](at);
                     return is_first ? a * std::cos(angle) - b * std::sin(angle)
                                     : b * std::cos(angle) + a * std::sin(angle);
                   });
                 },
                 {.reduction = 4}});
}

// --- losses ---

constexpr std::pair<Reduction, const char*> kReductions[] = {
    {Reduction::kMean, "mean"}, {Reduction::kSum, "sum"}, {Reduction::kNone, "none"}};

Tensor constant(const Line& values) {
  return to_tensor({{static_cast<int64_t>(values.size())}, values}, kFloat64);
}

// Weights of classes: 0.5, 0.75, ...
Line class_weights(int64_t classes, bool weighted) {
  Line w(static_cast<size_t>(classes), 1.0);
  for (size_t c = 0; weighted && c < w.size(); ++c) w[c] = 0.5 + 0.25 * static_cast<double>(c);
  return w;
}

// One loss per row of log-probabilities (..., C) and targets (...), then reduced over rows that
// count.
Array class_loss(const Array& log_probs, const Array& targets, const Line& weights, int64_t ignored,
                 double smoothing, Reduction reduction) {
  const auto classes = static_cast<double>(log_probs.shape.back());
  double sum = 0, counted = 0;
  Array losses = generate(targets.shape, [&](const Place& at) {
    double target = targets(at), uniform = 0, loss = 0;
    if (target == static_cast<double>(ignored)) return 0.0;
    for (int64_t j = 0; j < log_probs.shape.back(); ++j) {
      Place place = at;
      place.push_back(j);
      const double w = weights[static_cast<size_t>(j)];
      uniform -= w * log_probs(place) / classes;
      if (static_cast<double>(j) == target) loss = -w * log_probs(place);
    }
    loss = (1 - smoothing) * loss + smoothing * uniform;
    counted += weights[static_cast<size_t>(target)];
    sum += loss;
    return loss;
  });
  if (reduction == Reduction::kNone) return losses;
  return {{}, {reduction == Reduction::kSum ? sum : sum / counted}};
}

// A loss of several ops: of bfloat16 it is computed in float32.
void add_with_narrow(Rows& rows, Row row) {
  row.options.dtypes = {kFloat64, kFloat32};
  rows.push_back(row);
  row.op = "to";
  row.variant += ", bfloat16";
  row.options.dtypes = {kBFloat16};
  rows.push_back(row);
}

// Losses of classes by their shapes; weights of classes are constants.
struct ClassLoss {
  Shape logits, targets;
  int64_t ignored;
  bool weighted;
  Reduction reduction;
  const char* reduction_name;
};

void add_class_loss(Rows& rows, const ClassLoss& c) {
  const Line w = class_weights(c.logits.back(), c.weighted);
  const Tensor weight = c.weighted ? constant(w) : Tensor();
  const std::string variant = std::string(c.reduction_name) + ", " + text(c.logits) +
                              (c.ignored == 1 ? ", ignoring 1" : "") +
                              (c.weighted ? ", weighted" : "");
  // What is recorded last; NaN is added to the empty sum.
  const char* reduced = c.reduction == Reduction::kNone  ? "where"
                        : c.reduction == Reduction::kSum ? "sum"
                        : count(c.targets) == 0          ? "add"
                                                         : "div";
  // A row of losses that are all ignored has no mean: the mean rows keep class 0 among the targets.
  const std::vector<Input> inputs = {any(c.logits), ids(c.targets, c.logits.back())};
  RowOptions options{.reduction = std::max<int64_t>(1, count(c.logits))};
  // With weights they are several ops.
  const auto add = [&](const Row& row) {
    if (c.weighted) add_with_narrow(rows, row);
    else rows.push_back(row);
  };
  add({"nll_loss", reduced, variant,
       [=](const Tensors& x) {
         return nll_loss(x[0], x[1],
                         {.weight = weight, .ignore_index = c.ignored, .reduction = c.reduction});
       },
       inputs,
       [=](const Arrays& x) { return class_loss(x[0], x[1], w, c.ignored, 0, c.reduction); },
       options});
  for (double smoothing : {0.0, 0.2}) {
    Row row{"cross_entropy",
            c.weighted ? reduced : "cross_entropy",
            variant + (smoothing > 0 ? ", smoothed" : ""),
            [=](const Tensors& x) {
              return cross_entropy(x[0], x[1],
                                   {.weight = weight,
                                    .ignore_index = c.ignored,
                                    .label_smoothing = smoothing,
                                    .reduction = c.reduction});
            },
            inputs,
            [=](const Arrays& x) {
              return class_loss(along(x[0], -1, log_softmax_of), x[1], w, c.ignored, smoothing,
                                c.reduction);
            },
            options};
    add(row);
  }
}

void add_class_losses(Rows& rows) {
  const std::pair<Shape, Shape> shapes[] = {{{3, 4}, {3}}, {{4}, {}},     {{2, 3, 5}, {2, 3}},
                                            {{2, 1}, {2}}, {{0, 4}, {0}}, {{3, 37}, {3}}};
  for (const auto& [logits, targets] : shapes)
    for (const auto& [reduction, name] : kReductions)
      for (int64_t ignored : {-100, 1})
        for (bool weighted : {false, true})
          add_class_loss(rows, {logits, targets, ignored, weighted, reduction, name});
}

struct PointwiseLoss {
  std::string function, variant;
  std::string op;  // of the losses that are not reduced
  std::function<Tensor(const Tensor&, const Tensor&, Reduction)> f;
  std::function<double(double x, double target)> reference;
  Domain x = Domain::kAny, target = Domain::kAny;
};

void add_pointwise_loss(Rows& rows, const PointwiseLoss& loss) {
  const std::pair<Shape, Shape> pairs[] = {{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{}, {}},
                                           {{0, 3}, {0, 3}}, {{1}, {1}},    {{3, 19}, {3, 19}}};
  for (const auto& [x_shape, target] : pairs)
    for (const auto& [reduction, name] : kReductions)
      add_with_narrow(rows, {loss.function,
                             reduction == Reduction::kNone ? loss.op : name,
                             loss.variant + name + ", " + text(x_shape) + " and " + text(target),
                             [f = loss.f, reduction = reduction](const Tensors& x) {
                               return f(x[0], x[1], reduction);
                             },
                             {{x_shape, loss.x}, {target, loss.target}},
                             [=, reduction = reduction](const Arrays& x) {
                               Array each = map2(loss.reference)(x);
                               if (reduction == Reduction::kNone) return each;
                               return Array{{},
                                            {reduction == Reduction::kSum ? total(each.values)
                                                                          : average(each.values)}};
                             },
                             {.reduction = std::max<int64_t>(1, count(x_shape)),
                              .derivatives = reduction != Reduction::kMean || count(x_shape) > 0}});
}

// |d| made smooth below a width
double smooth_abs(double d, double width) {
  return std::abs(d) < width ? d * d / (2 * width) : std::abs(d) - width / 2;
}

void add_pointwise_losses(Rows& rows) {
  using enum Domain;
  add_pointwise_loss(rows, {"mse_loss", "", "mul", [](auto... x) { return mse_loss(x...); },
                            [](double x, double t) { return (x - t) * (x - t); }});
  // Distinct numbers: off the kink of |d|.
  add_pointwise_loss(rows,
                     {"l1_loss", "", "abs", [](auto... x) { return l1_loss(x...); },
                      [](double x, double t) { return std::abs(x - t); }, kDistinct, kDistinct});
  for (double width : {0.0, 0.3, 1.7})
    add_pointwise_loss(rows, {"smooth_l1_loss", "beta " + std::to_string(width) + ", ",
                              width == 0 ? "abs" : "where",
                              [=](const Tensor& x, const Tensor& t, Reduction r) {
                                return smooth_l1_loss(x, t, {.beta = width, .reduction = r});
                              },
                              [=](double x, double t) {
                                return width == 0 ? std::abs(x - t) : smooth_abs(x - t, width);
                              },
                              kDistinct, kDistinct});
  for (double width : {0.3, 1.7})
    add_pointwise_loss(rows, {"huber_loss", "delta " + std::to_string(width) + ", ", "mul",
                              [=](const Tensor& x, const Tensor& t, Reduction r) {
                                return huber_loss(x, t, {.delta = width, .reduction = r});
                              },
                              [=](double x, double t) { return width * smooth_abs(x - t, width); },
                              kDistinct, kDistinct});
  for (bool weighted : {false, true}) {
    const double w = weighted ? 1.5 : 1, p = weighted ? 0.25 : 1;
    const Tensor weight = weighted ? full({}, w, kFloat64) : Tensor(),
                 pos_weight = weighted ? full({}, p, kFloat64) : Tensor();
    add_pointwise_loss(
        rows,
        {"binary_cross_entropy_with_logits", weighted ? "weighted, " : "", weighted ? "mul" : "add",
         [=](const Tensor& x, const Tensor& t, Reduction r) {
           return binary_cross_entropy_with_logits(
               x, t, {.weight = weight, .pos_weight = pos_weight, .reduction = r});
         },
         [=](double x, double t) {
           const double s = 1 / (1 + std::exp(-x));
           return -w * (p * t * std::log(s) + (1 - t) * std::log(1 - s));
         },
         kAny, kAny});
  }
  add_pointwise_loss(
      rows,
      {"kl_div", "", "sub",
       [](const Tensor& x, const Tensor& t, Reduction r) { return kl_div(x, t, {.reduction = r}); },
       [](double x, double t) { return t * (std::log(t) - x); }, kAny, kPositive});
  add_pointwise_loss(rows, {"kl_div", "log_target, ", "mul",
                            [](const Tensor& x, const Tensor& t, Reduction r) {
                              return kl_div(x, t, {.log_target = true, .reduction = r});
                            },
                            [](double x, double t) { return std::exp(t) * (t - x); }});
}

// --- random ---

void add_random(Rows& rows) {
  for (const Shape& shape : {Shape{3, 7}, {}, {1}, {0, 3}})
    for (double p : {0.25, 0.6})
      rows.push_back({"dropout",
                      "mul",
                      "p = " + std::to_string(p) + ", " + text(shape),
                      [p](const Tensors& x) {
                        KeepGenerator keep;
                        manual_seed(5);
                        return dropout(x[0], p);
                      },
                      {any(shape)},
                      [p](const Arrays& x) {
                        Array y =
                            x[0];  // element i is dropped where word i of the sequence is below p
                        for (size_t i = 0; i < y.values.size(); ++i)
                          y.values[i] = std::ldexp(philox(5, i / 4)[i % 4], -32) < p
                                            ? 0
                                            : y.values[i] / (1 - p);
                        return y;
                      }});
  // Draws that are certain: one weight is positive, or all are drawn.
  rows.push_back({"multinomial",
                  "",
                  "one possible class",
                  [](const Tensors& x) {
                    return multinomial(to(one_hot(x[0], 4), kFloat32), 3, /*replacement=*/true);
                  },
                  {ids({2}, 4)},
                  [](const Arrays& x) {
                    return generate({2, 3}, [&](const Place& at) { return x[0]({at[0]}); });
                  },
                  {.derivatives = false}});
  rows.push_back({"multinomial",
                  "",
                  "every class",
                  [](const Tensors& x) { return sum(multinomial(x[0], 5), -1); },
                  {positive({2, 5})},
                  [](const Arrays&) {
                    return Array{{2}, {10, 10}};
                  },
                  {.derivatives = false}});
  rows.push_back({"multinomial",
                  "",
                  "no draws",
                  [](const Tensors& x) { return multinomial(x[0], 0); },
                  {positive({2, 5})},
                  [](const Arrays&) {
                    return Array{{2, 0}, {}};
                  },
                  {.derivatives = false}});
}

Rows make_table() {
  Rows rows;
  for (auto add : {add_unaries, add_binaries, add_reductions, add_views, add_joins, add_products,
                   add_softmaxes, add_norms, add_masks, add_indexing, add_class_losses,
                   add_pointwise_losses, add_random})
    add(rows);
  return rows;
}

}  // namespace

const std::vector<Row>& op_table() {
  static const std::vector<Row> rows = make_table();
  return rows;
}

// --- values ---

double Array::operator()(const Place& at) const {
  int64_t k = 0;
  for (size_t i = 0; i < at.size(); ++i) k = k * shape[static_cast<int>(i)] + at[i];
  return values[static_cast<size_t>(k)];
}

namespace {
double uniform(std::mt19937_64& random, double low, double high) {
  return low + (high - low) * std::ldexp(static_cast<double>(random() >> 11), -53);
}
double as_held(double v, DType dtype) {
  if (dtype == kFloat64) return v;
  return dtype == kFloat32 ? static_cast<float>(v)
                           : static_cast<float>(BFloat16(static_cast<float>(v)));
}

Array sample(const Input& input, size_t position, std::mt19937_64& random) {
  Array x{input.shape, std::vector<double>(static_cast<size_t>(count(input.shape)))};
  const size_t n = x.values.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  for (size_t i = 0; i < n; ++i) {
    double& v = x.values[i];
    switch (input.domain) {
      case Domain::kAny: v = uniform(random, -2, 2); break;
      case Domain::kSmall: v = uniform(random, -0.5, 0.5); break;
      case Domain::kPositive: v = uniform(random, 0.5, 2.5); break;
      case Domain::kAwayFromZero: v = uniform(random, 0.2, 2) * (random() % 2 ? 1 : -1); break;
      case Domain::kDistinct:
        v = (static_cast<double>(order[i]) - std::floor(static_cast<double>(n) / 2)) / 8 +
            static_cast<double>(position) / 16 + uniform(random, -0.02, 0.02);
        break;
      case Domain::kSmallIntegers: v = static_cast<double>(random() % 3) - 1; break;
      // The first id is 0, so that a row of losses which ignores 1 has something left.
      case Domain::kIds:
        v = i == 0 ? 0 : static_cast<double>(random() % static_cast<uint64_t>(input.limit));
        break;
      case Domain::kBool: v = static_cast<double>(random() % 2); break;
    }
  }
  return x;
}
}  // namespace

Arrays sample_inputs(const Row& row, DType dtype, std::mt19937_64& random) {
  Arrays values;
  for (const Input& input : row.inputs) {
    values.push_back(sample(input, values.size(), random));
    if (input.is_floating())
      for (double& v : values.back().values) v = as_held(v, dtype);
  }
  return values;
}

Tensor to_tensor(const Array& values, DType dtype) {
  Tensor x = empty(values.shape, dtype);
  visit_dtype(dtype, [&]<class T>() {
    T* p = x.mutable_data<T>();
    for (double v : values.values) *p++ = static_cast<T>(v);
  });
  return x;
}

Tensors to_tensors(const Row& row, const Arrays& values, DType dtype) {
  Tensors x;
  for (size_t i = 0; i < values.size(); ++i) {
    Domain domain = row.inputs[i].domain;
    x.push_back(to_tensor(values[i], domain == Domain::kIds    ? kInt64
                                     : domain == Domain::kBool ? kBool
                                                               : dtype));
  }
  return x;
}

Array to_array(const Tensor& x) {
  if (x.is_contiguous())
    return visit_dtype(x.dtype(), [&]<class T>() {
      const T* p = x.data<T>();
      return Array{x.shape(), std::vector<double>(p, p + x.numel())};
    });
  return generate(x.shape(), [&](const Place& at) {
    int64_t offset = 0;
    for (int i = 0; i < x.rank(); ++i) offset += at[static_cast<size_t>(i)] * x.strides()[i];
    return visit_dtype(x.dtype(),
                       [&]<class T>() { return static_cast<double>(x.data<T>()[offset]); });
  });
}

}  // namespace vitro::tests
