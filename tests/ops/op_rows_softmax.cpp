// Rows of the op table for the softmax family.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

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

}  // namespace vitro::tests
