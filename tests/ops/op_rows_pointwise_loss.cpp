// Rows of the op table for the losses of numbers.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

struct PointwiseLoss {
  std::string function, variant;
  std::string op;  // the last op if the losses are not reduced
  std::function<Tensor(const Tensor&, const Tensor&, Reduction)> f;
  std::function<double(double x, double target)> reference;
  Domain x = Domain::kAny, target = Domain::kAny;
};

void add_pointwise_loss(Rows& rows, const PointwiseLoss& loss) {
  for (const Shape& shape : {Shape{2, 3}, {}, {0, 3}, {1}, {3, 19}})
    for (const auto& [reduction, name] : kReductions)
      add_with_narrow(rows, {loss.function,
                             reduction == Reduction::kNone ? loss.op : name,
                             loss.variant + name + ", " + text(shape),
                             [f = loss.f, reduction = reduction](const Tensors& x) {
                               return f(x[0], x[1], reduction);
                             },
                             {{shape, loss.x}, {shape, loss.target}},
                             [=, reduction = reduction](const Arrays& x) {
                               Array each = map2(loss.reference)(x);
                               if (reduction == Reduction::kNone) return each;
                               return Array{{},
                                            {reduction == Reduction::kSum ? total(each.values)
                                                                          : average(each.values)}};
                             },
                             {.reduction = std::max<int64_t>(1, count(shape)),
                              .derivatives = reduction != Reduction::kMean || count(shape) > 0}});
}

// |d|, made smooth where |d| < width.
double smooth_abs(double d, double width) {
  return std::abs(d) < width ? d * d / (2 * width) : std::abs(d) - width / 2;
}

}  // namespace

void add_pointwise_losses(Rows& rows) {
  using enum Domain;
  add_pointwise_loss(rows, {"mse_loss", "", "mul", [](auto... x) { return mse_loss(x...); },
                            [](double x, double t) { return (x - t) * (x - t); }});
  // Distinct numbers stay away from the kink of |d|.
  add_pointwise_loss(rows,
                     {"l1_loss", "", "abs", [](auto... x) { return l1_loss(x...); },
                      [](double x, double t) { return std::abs(x - t); }, kDistinct, kDistinct});
  for (double width : {0.0, 0.3, 1.7})
    add_pointwise_loss(
        rows, {"smooth_l1_loss", "beta " + std::to_string(width) + ", ", width == 0 ? "abs" : "mul",
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
    add_pointwise_loss(rows, {"binary_cross_entropy_with_logits", weighted ? "weighted, " : "",
                              weighted ? "mul_or_zero" : "add",
                              [=](const Tensor& x, const Tensor& t, Reduction r) {
                                return binary_cross_entropy_with_logits(
                                    x, t,
                                    {.weight = weight, .pos_weight = pos_weight, .reduction = r});
                              },
                              [=](double x, double t) {
                                const double s = 1 / (1 + std::exp(-x));
                                return -w * (p * t * std::log(s) + (1 - t) * std::log(1 - s));
                              },
                              kAny, kAny});
  }
  add_pointwise_loss(
      rows,
      {"kl_div", "", "mul_or_zero",
       [](const Tensor& x, const Tensor& t, Reduction r) { return kl_div(x, t, {.reduction = r}); },
       [](double x, double t) { return t * (std::log(t) - x); }, kAny, kPositive});
  add_pointwise_loss(rows, {"kl_div", "log_target, ", "mul_or_zero",
                            [](const Tensor& x, const Tensor& t, Reduction r) {
                              return kl_div(x, t, {.log_target = true, .reduction = r});
                            },
                            [](double x, double t) { return std::exp(t) * (t - x); }});
}

}  // namespace vitro::tests
