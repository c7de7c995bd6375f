// Rows of the op table for broadcasting functions of two tensors, comparisons and where.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

using F2 = Tensor (*)(const Tensor&, const Tensor&);

// Adds rows of f(a, b) for all ways in which two shapes broadcast, and for one tensor as both
// inputs.
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

}  // namespace

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
    Tensor (*number)(const Tensor&, const Number&);
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

}  // namespace vitro::tests
