// Rows of the op table for cat and stack.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

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

}  // namespace

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

}  // namespace vitro::tests
