// Rows of the op table for masks and positions.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

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
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max();
  for (const Shape& shape : {Shape{3, 3}, {2, 3, 5}, {5, 2}, {0, 3}, {3, 0}, {1, 1}})
    for (int64_t diagonal : {int64_t{0}, int64_t{1}, int64_t{-2}, kFar, -kFar})
      for (bool lower : {true, false}) {
        const char* name = lower ? "tril" : "triu";
        rows.push_back(
            {name,
             name,
             text(shape) + ", diagonal " + std::to_string(diagonal),
             [=](const Tensors& x) { return lower ? tril(x[0], diagonal) : triu(x[0], diagonal); },
             {any(shape)},
             [=](const Arrays& x) {
               return generate(x[0].shape, [&](const Place& at) {
                 const int64_t offset = at.back() - at[at.size() - 2];
                 const bool kept = lower ? offset <= diagonal : offset >= diagonal;
                 return kept ? x[0](at) : 0.0;
               });
             }});
      }
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

}  // namespace vitro::tests
