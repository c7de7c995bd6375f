// Rows of the op table for views and copies.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

auto range(int64_t start, int64_t stop, int64_t step = 1) {
  return [=](const Line& x) {
    Line y;
    for (int64_t i = start; i < stop; i += step) y.push_back(x[static_cast<size_t>(i)]);
    return y;
  };
}

}  // namespace

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
    int64_t axis, start, stop, step, first, last;  // slice's arguments; the range that they select
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
  // The gradient of slice is computed by the op embed_slice, which has derivatives too.
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
  add(
      "split", "slice", "by 2 of 5, the last", {2, 5},
      [](const Tensor& x) { return split(x, 2, 1).back(); },
      [](const Array& x) { return along(x, 1, range(4, 5)); });
  add(
      "split", "slice", "sizes 1, 0, 3, the last", {4, 3},
      [](const Tensor& x) {
        return split(x, {1, 0, 3}).back();
      },
      [](const Array& x) { return along(x, 0, range(1, 4)); });
  add(
      "chunk", "slice", "3 of 7, the second", {7, 2},
      [](const Tensor& x) { return chunk(x, 3).at(1); },
      [](const Array& x) { return along(x, 0, range(3, 6)); });
  add(
      "chunk", "slice", "2 of 5 from the end, the last", {2, 2, 5},
      [](const Tensor& x) { return chunk(x, 2, -1).at(1); },
      [](const Array& x) { return along(x, 2, range(3, 5)); });
  add(
      "chunk", "slice", "more than there are, the last", {2, 3},
      [](const Tensor& x) { return chunk(x, 5, -1).at(2); },
      [](const Array& x) { return along(x, 1, range(2, 3)); });
  for (const Shape& shape : {Shape{6, 2}, {5, 2}, {1, 2}, {0, 2}}) {
    add(
        "split", "cat", "by 2, joined again, " + text(shape), shape,
        [](const Tensor& x) { return cat(split(x, 2), 0); }, into(shape));
    add(
        "chunk", "cat", "3, joined again, " + text(shape), shape,
        [](const Tensor& x) { return cat(chunk(x, 3), 0); }, into(shape));
  }
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
                   [&](const Place& at) {  // adds each element to its source in expand
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

}  // namespace vitro::tests
