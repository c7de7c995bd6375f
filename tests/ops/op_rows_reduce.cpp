// Rows of the op table for the reductions along an axis or over all elements, and for topk.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

struct AxisReduction {
  std::string function, op, variant;
  Domain domain;
  std::function<Tensor(const Tensor&)> all;  // null if there is no such overload
  std::function<Tensor(const Tensor&, int64_t axis, bool keepdim)> one;
  std::function<double(const Line&)> reference;
  bool empty_lines;  // whether the reduction of no elements has a value
  bool derivatives = true;
};

void add_reduction(Rows& rows, const AxisReduction& r) {
  const std::string prefix = r.variant.empty() ? "" : r.variant + ", ";
  auto add = [&](const std::string& variant, const Shape& shape, int64_t n,
                 std::function<Tensor(const Tensor&)> f,
                 std::function<Array(const Array&)> reference) {
    // The mean of no elements and the variance of one element are NaN, so they have no derivative.
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

}  // namespace

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
    add_reduction(rows, {"var", "var", "correction " + std::to_string(correction), kAny,
                         [=](const Tensor& x) { return var(x, {.correction = correction}); },
                         [=](const Tensor& x, int64_t axis, bool keepdim) {
                           return var(x, axis, {.correction = correction, .keepdim = keepdim});
                         },
                         [=](const Line& x) { return variance(x, correction); }, true});
  add_reduction(rows, {"norm", "norm", "", kAwayFromZero, [](const Tensor& x) { return norm(x); },
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

}  // namespace vitro::tests
