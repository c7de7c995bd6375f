// Rows of the op table for the losses of classes.
#include "ops/class_loss.h"
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

Tensor constant(const Line& values) {
  return to_tensor({{static_cast<int64_t>(values.size())}, values}, kFloat64);
}

// A case of the losses of classes.  The class weights are constants, not inputs.
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
  // The op that is recorded last.  The mean of no rows is computed by adding NaN to the sum.
  const char* reduced = c.reduction == Reduction::kNone  ? "where"
                        : c.reduction == Reduction::kSum ? "sum"
                        : count(c.targets) == 0          ? "add"
                                                         : "div";
  // The first target is class 0, which is never ignored, so at least one row counts.
  const std::vector<Input> inputs = {any(c.logits), ids(c.targets, c.logits.back())};
  RowOptions options{.reduction = std::max<int64_t>(1, count(c.logits))};
  // With weights, the loss is computed by several ops.
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

// A case of cross_entropy(x W^T); `tiled` computes it in tiles of 2 rows and 3 classes.
struct LinearLoss {
  Shape x, weight, targets;
  double smoothing;
  bool tiled, weighted;
};

void add_linear_loss(Rows& rows, const LinearLoss& c, int64_t ignored, Reduction reduction,
                     const char* reduction_name) {
  const Line w = class_weights(c.weight[0], c.weighted);
  const CrossEntropyOptions options{.weight = c.weighted ? constant(w) : Tensor(),
                                    .ignore_index = ignored,
                                    .label_smoothing = c.smoothing,
                                    .reduction = reduction};
  auto f = [options, tiled = c.tiled](const Tensors& x) {
    return tiled ? linear_cross_entropy(x[0], x[1], x[2], options, LogitsTile{2, 3})
                 : linear_cross_entropy(x[0], x[1], x[2], options);
  };
  const char* reduced = reduction == Reduction::kNone  ? "where"
                        : reduction == Reduction::kSum ? "sum"
                        : count(c.targets) == 0        ? "add"
                                                       : "div";
  const Row row{"linear_cross_entropy",
                c.weighted ? reduced : "linear_cross_entropy",
                std::string(reduction_name) + ", " + text(c.x) + ", " + text(c.weight) +
                    (ignored == 1 ? ", ignoring 1" : "") + (c.smoothing > 0 ? ", smoothed" : "") +
                    (c.tiled ? ", tiled" : "") + (c.weighted ? ", weighted" : ""),
                f,
                {any(c.x), small(c.weight), ids(c.targets, c.weight[0])},
                [=, smoothing = c.smoothing](const Arrays& x) {
                  const Array logits = product(x[0], permuted(x[1], {1, 0}));
                  return class_loss(along(logits, -1, log_softmax_of), x[2], w, ignored, smoothing,
                                    reduction);
                },
                {.reduction = std::max<int64_t>(1, count(c.x) * c.weight[0]),
                 .derivatives = reduction != Reduction::kMean || count(c.targets) > 0,
                 .scale = f}};
  if (c.weighted) add_with_narrow(rows, row);
  else rows.push_back(row);
}

}  // namespace

void add_class_losses(Rows& rows) {
  const std::pair<Shape, Shape> shapes[] = {{{3, 4}, {3}}, {{4}, {}},     {{2, 3, 5}, {2, 3}},
                                            {{2, 1}, {2}}, {{0, 4}, {0}}, {{3, 37}, {3}}};
  for (const auto& [logits, targets] : shapes)
    for (const auto& [reduction, name] : kReductions)
      for (int64_t ignored : {-100, 1})
        for (bool weighted : {false, true})
          add_class_loss(rows, {logits, targets, ignored, weighted, reduction, name});
  const LinearLoss linear[] = {
      {{3, 2}, {4, 2}, {3}, 0, false, false},      {{3, 2}, {4, 2}, {3}, 0.2, true, false},
      {{5, 2}, {7, 2}, {5}, 0, true, false},       {{2}, {4, 2}, {}, 0.2, true, false},
      {{2, 3, 2}, {5, 2}, {2, 3}, 0, true, false}, {{0, 2}, {4, 2}, {0}, 0, false, false},
      {{2, 0}, {4, 0}, {2}, 0, true, false},       {{3, 5}, {37, 5}, {3}, 0.2, false, false},
      {{3, 2}, {4, 2}, {3}, 0.2, false, true}};
  for (const LinearLoss& c : linear)
    for (const auto& [reduction, name] : kReductions)
      for (int64_t ignored : {-100, 1}) add_linear_loss(rows, c, ignored, reduction, name);
}

}  // namespace vitro::tests
