// Rows of the op table for functions that draw random numbers.  The seed is fixed, or only one
// result is possible.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

void add_random(Rows& rows) {
  for (const Shape& shape : {Shape{3, 7}, {}, {1}, {0, 3}})
    for (double p : {0.25, 0.6})
      rows.push_back({"dropout",
                      "mul_or_zero",
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
  // Only one result is possible: a single weight is positive, or every class is drawn.
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

}  // namespace vitro::tests
