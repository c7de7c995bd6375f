// Rows of the op table for embedding and the functions that choose elements by index.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

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

}  // namespace vitro::tests
