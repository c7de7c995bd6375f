// Tests that a number added to all logits changes neither losses of classes nor gradients.
#include <catch2/catch.hpp>

#include "ops/class_loss.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

// A loss f of logits (rows, classes), summed over the rows.
struct ClassLossForm {
  const char* name;
  std::function<Tensor(const Tensor& logits, const Tensor& targets)> f;
};

Tensor weights_of(const Tensor& logits) { return arange(1, logits.size(1) + 1).to(logits.dtype()); }

// The sum of linear_cross_entropy over the rows.  x = 1 and W is one row of logits, so that the
// gradient of W is the gradient of the logits.
Tensor by_linear(const Tensor& logits, const Tensor& targets, CrossEntropyOptions options,
                 const LogitsTile& tile) {
  options.reduction = Reduction::kSum;
  Tensor loss = zeros({}, logits.dtype());
  for (int64_t i = 0; i < logits.size(0); ++i)
    loss = loss + linear_cross_entropy(ones({1, 1}, logits.dtype()), unsqueeze(logits[i], 1),
                                       slice(targets, 0, i, i + 1), options, tile);
  return loss;
}

const std::vector<ClassLossForm> kClassLossForms = {
    {"cross_entropy",
     [](const Tensor& x, const Tensor& t) {
       return cross_entropy(x, t, {.reduction = Reduction::kSum});
     }},
    {"cross_entropy, smoothed",
     [](const Tensor& x, const Tensor& t) {
       return cross_entropy(x, t, {.label_smoothing = 0.1, .reduction = Reduction::kSum});
     }},
    {"cross_entropy, smoothed entirely",
     [](const Tensor& x, const Tensor& t) {
       return cross_entropy(x, t, {.label_smoothing = 1, .reduction = Reduction::kSum});
     }},
    {"cross_entropy, weighted",
     [](const Tensor& x, const Tensor& t) {
       return cross_entropy(x, t, {.weight = weights_of(x), .reduction = Reduction::kSum});
     }},
    {"cross_entropy, weighted and smoothed",
     [](const Tensor& x, const Tensor& t) {
       return cross_entropy(
           x, t, {.weight = weights_of(x), .label_smoothing = 0.1, .reduction = Reduction::kSum});
     }},
    {"nll_loss of log_softmax",
     [](const Tensor& x, const Tensor& t) {
       return nll_loss(log_softmax(x, -1), t, {.reduction = Reduction::kSum});
     }},
    {"-log softmax",
     [](const Tensor& x, const Tensor& t) {
       return -sum(log(gather(softmax(x, -1), -1, unsqueeze(t, 1))));
     }},
    {"linear_cross_entropy",
     [](const Tensor& x, const Tensor& t) {
       return by_linear(x, t, {}, {2, 64});
     }},
    {"linear_cross_entropy in tiles, smoothed",
     [](const Tensor& x, const Tensor& t) {
       return by_linear(x, t, {.label_smoothing = 0.1}, {1, 3});
     }},
};

// The loss and its gradient, with or without create_graph.
std::vector<Tensor> loss_and_slope(const ClassLossForm& form, const Tensor& logits,
                                   const Tensor& targets, bool create_graph) {
  const Tensor x = logits.detach().clone().requires_grad_(), loss = form.f(x, targets);
  return {loss.detach(), grad(loss, {x}, {.create_graph = create_graph})[0].detach()};
}

void check_offset(const Tensor& base, double offset, DType dtype, double tolerance) {
  const Tensor targets = arange(0, base.size(0)), x = (base.to(kFloat64) + offset).to(dtype);
  for (const ClassLossForm& form : kClassLossForms) {
    const auto wanted = loss_and_slope(form, base.to(kFloat64), targets, false);
    for (bool create_graph : {false, true}) {
      INFO(form.name << " at " << offset << ", " << dtype << (create_graph ? ", graph" : ""));
      const auto got = loss_and_slope(form, x, targets, create_graph);
      CHECK(max_difference(got[0], wanted[0]) <= tolerance * wanted[0].item());
      CHECK(max_difference(got[1], wanted[1]) <= 4 * tolerance);
    }
  }
}

}  // namespace

TEST_CASE("offsets: equal logits of any size give each class the same probability") {
  const Tensor base = zeros({2, 7});
  for (double offset : {1e4, -1e6, 1e8, 1e17, 1e20, 3e38, -3e38}) {
    check_offset(base, offset, kFloat32, 1e-6);
    check_offset(base, offset, kFloat64, 1e-14);
    check_offset(base, offset, kBFloat16, 8e-3);
  }
}

TEST_CASE("offsets: logits that stay exact when a large number is added give the same losses") {
  const Tensor base = tensor({{2., -1., 0., 3., -4., 1., 2.}, {-7., 5., 5., 4., -2., 0., 1.}});
  for (double offset : {-100., 1e4, -1e4, 1e6, -1e6}) {
    check_offset(base, offset, kFloat32, 1e-6);
    check_offset(base, offset, kFloat64, 1e-14);
  }
  check_offset(base, 1e15, kFloat64, 1e-14);
  check_offset(base, 120, kBFloat16, 8e-3);
}

TEST_CASE("offsets: smoothing of the largest logits does not overflow") {
  for (const std::vector<double>& row :
       {std::vector<double>{3e38, 3e38, 3e38}, {3e38, -3e38, 0}, {-3e38, 3e38, 3e38, 1}}) {
    const Tensor x = unsqueeze(from_span(std::span(row)), 0).detach().requires_grad_(),
                 zero = zeros({1}, kInt64);
    for (const LogitsTile& tile : {LogitsTile{2, 64}, LogitsTile{1, 2}}) {
      const CrossEntropyOptions options{.label_smoothing = 0.125};
      const double wanted = cross_entropy(x, zero, options).item();
      const Tensor y = x.detach().to(kFloat32).requires_grad_(), one = ones({1, 1});
      if (wanted < 3e38) {
        CHECK(cross_entropy(y, zero, options).item() == Approx(wanted).epsilon(1e-6));
        CHECK(linear_cross_entropy(one, t(y), zero, options, tile).item() ==
              Approx(wanted).epsilon(1e-6));
      }
      const Tensor slope = grad(cross_entropy(x, zero, options), {x})[0];
      CHECK(max_difference(grad(cross_entropy(y, zero, options), {y})[0], slope) < 1e-6);
      CHECK(max_difference(grad(linear_cross_entropy(one, t(y), zero, options, tile), {y})[0],
                           slope) < 1e-6);
    }
  }
}

TEST_CASE("offsets: rows of logits far below 0 have float64's gradients") {
  manual_seed(1);
  const Tensor base = randn({16, 1000}, kFloat64) * 3.0, ids = randint(0, 1000, {16});
  for (double offset : {-100., -1000., -10'000.})
    for (double smoothing : {0., 0.1}) {
      INFO("at " << offset << ", smoothing " << smoothing);
      const CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = Reduction::kSum};
      const Tensor x = (base + offset).to(kFloat32).requires_grad_(),
                   wide = x.detach().to(kFloat64).requires_grad_(),
                   wanted = cross_entropy(wide, ids, options), got = cross_entropy(x, ids, options);
      CHECK(got.item() == Approx(wanted.item()).epsilon(1e-6));
      CHECK(max_difference(grad(got, {x})[0], grad(wanted, {wide})[0]) <= 5e-7);
    }
}

TEST_CASE("offsets: logsumexp has the slope softmax, also where it is rounded") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (double v : {0., 1e8, -1e20, 3e38})
      for (bool create_graph : {false, true}) {
        INFO(v << ", " << dtype);
        const Tensor x = full({2, 4}, v, dtype).requires_grad_();
        const Tensor dx = grad(sum(logsumexp(x, 1)), {x}, {.create_graph = create_graph})[0];
        CHECK(max_difference(dx, full({2, 4}, 0.25)) < 1e-6);
      }
}
