// Tests ops at infinity and in their tails, and inputs that must not change a result.
#include <catch2/catch.hpp>
#include <numbers>

#include "ops/class_loss.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr DType kFloats[] = {kFloat32, kFloat64, kBFloat16};

double gelu_tanh_exponent(double x) {
  return 2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
}
double sigmoid_of(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

// A function, and formulas for its value and slope that stay precise at large negative x.
struct Tail {
  const char* name;
  std::function<Tensor(const Tensor&)> f;
  double (*value)(double);
  double (*slope)(double);
  double narrow_end;  // below this x, float32 results are not normal numbers
  double units;       // the relative error in float32, in units of 2^-24
};
const Tail kTails[] = {
    {"gelu", [](const Tensor& x) { return gelu(x); },
     [](double x) { return x * std::erfc(-x / std::numbers::sqrt2) / 2; },
     [](double x) {
       return std::erfc(-x / std::numbers::sqrt2) / 2 +
              x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
     },
     -12.5, 12},
    {"gelu_tanh", [](const Tensor& x) { return gelu(x, GeluForm::kTanh); },
     [](double x) { return x * sigmoid_of(gelu_tanh_exponent(x)); },
     [](double x) {
       const double s = sigmoid_of(gelu_tanh_exponent(x)), r = sigmoid_of(-gelu_tanh_exponent(x)),
                    c = 2 * std::sqrt(2 / std::numbers::pi);
       return s + x * s * r * c * (1 + 3 * 0.044715 * x * x);
     },
     -9.5, 300},
    {"silu", [](const Tensor& x) { return silu(x); }, [](double x) { return x * sigmoid_of(x); },
     [](double x) { return sigmoid_of(x) * (1 + x * sigmoid_of(-x)); }, -80, 4},
    {"softplus", [](const Tensor& x) { return softplus(x); },
     [](double x) { return std::log1p(std::exp(x)); }, sigmoid_of, -80, 4},
    {"binary_cross_entropy_with_logits, target 0",
     [](const Tensor& x) {
       return binary_cross_entropy_with_logits(x, zeros_like(x), {.reduction = Reduction::kNone});
     },
     [](double x) { return std::log1p(std::exp(x)); }, sigmoid_of, -80, 4},
    {"binary_cross_entropy_with_logits, target 1",
     [](const Tensor& x) {
       return binary_cross_entropy_with_logits(-x, ones_like(x), {.reduction = Reduction::kNone});
     },
     [](double x) { return std::log1p(std::exp(x)); }, sigmoid_of, -80, 4},
    {"erfc", [](const Tensor& x) { return erfc(-x); }, [](double x) { return std::erfc(-x); },
     [](double x) { return 2 / std::sqrt(std::numbers::pi) * std::exp(-x * x); }, -9, 130},
};

void check_near(const char* what, const Tensor& got, const std::vector<double>& wanted,
                double rtol) {
  const std::vector<double> v = values(got);
  REQUIRE(v.size() == wanted.size());
  for (size_t i = 0; i < v.size(); ++i) {
    INFO(what << ", element " << i << " is " << v[i] << ", expected " << wanted[i]);
    CHECK((v[i] == wanted[i] || std::abs(v[i] - wanted[i]) <= rtol * std::abs(wanted[i])));
  }
}

}  // namespace

TEST_CASE("limits: functions and their slopes stay precise at large negative x") {
  for (const Tail& c : kTails)
    for (DType dtype : kFloats) {
      std::vector<double> at, value, slope;
      for (double x : {-2., -3.5, -5., -6.25, -8., -9.25, -12., -15., -20., -30., -36., -60.})
        if (x >= (dtype == kFloat64 ? (c.narrow_end > -20 ? -25.0 : -60.0) : c.narrow_end))
          at.push_back(x), value.push_back(c.value(x)), slope.push_back(c.slope(x));
      const double rtol = dtype == kFloat64 ? 1e-12 : dtype == kFloat32 ? c.units * kUnit : 8e-3;
      INFO(c.name << ", " << dtype);
      const Tensor x = from_span(std::span<const double>(at)).to(dtype).requires_grad_();
      check_near("value", c.f(x), value, rtol);
      const bool has_kernel = std::string(c.name) != "erfc";  // without one, each op rounds
      if (dtype != kBFloat16 || has_kernel)
        check_near("slope", grad(sum(c.f(x)), {x})[0], slope, dtype == kBFloat16 ? 2e-2 : rtol);
      // With create_graph the definition is differentiated, which rounds the exponent to float32.
      const double by_ops = dtype == kFloat64 ? rtol : dtype == kFloat32 ? 4e-5 : 5e-2;
      if (dtype != kBFloat16 || std::string(c.name).find("lu") != std::string::npos)
        check_near("slope under create_graph", grad(sum(c.f(x)), {x}, {.create_graph = true})[0],
                   slope, by_ops);
    }
}

TEST_CASE("limits: activations and their slopes at infinity") {
  const std::pair<const char*, std::function<Tensor(const Tensor&)>> activations[] = {
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"gelu_tanh", [](const Tensor& x) { return gelu(x, GeluForm::kTanh); }},
      {"silu", silu},
      {"relu", relu},
      {"softplus", softplus}};
  for (const auto& [name, f] : activations)
    for (DType dtype : kFloats) {
      INFO(name << ", " << dtype);
      const Tensor x = leaf({-kInf, kInf, -3e38, 3e38, kNaN}, dtype);
      const std::vector<double> y = values(f(x)), wanted = values(relu(x));
      for (size_t i = 0; i < 4; ++i) CHECK(y[i] == wanted[i]);
      CHECK(std::isnan(y[4]));
      for (bool create_graph : {false, true}) {
        const Tensor dx = grad(sum(f(x)), {x}, {.create_graph = create_graph})[0];
        const std::vector<double> slopes = values(dx);
        for (size_t i = 0; i < 4; ++i) CHECK(slopes[i] == (i % 2 ? 1 : 0));
        if (!create_graph || !dx.requires_grad()) continue;
        const std::vector<double> curvature = values(grad(sum(dx), {x})[0]);
        for (size_t i = 0; i < 4; ++i) CHECK(curvature[i] == 0);
      }
    }
}

TEST_CASE("limits: losses of infinite numbers that agree with the target are 0") {
  for (DType dtype : kFloats)
    for (bool create_graph : {false, true}) {
      INFO(dtype << (create_graph ? ", create_graph" : ""));
      const double digits = dtype == kBFloat16 ? 2e-2 : 1e-6;
      const auto slope_of = [&](const Tensor& loss, const Tensor& x) {
        return grad(loss, {x}, {.create_graph = create_graph})[0];
      };
      const Tensor x = leaf({-kInf, kInf, kInf}, dtype), t = tensor({0., 1., 0.}, dtype),
                   last = tensor({1., 1., 0.}, dtype);
      const Tensor each = binary_cross_entropy_with_logits(x, t, {.reduction = Reduction::kNone});
      CHECK(values(each) == std::vector<double>{0, 0, kInf});
      CHECK(values(slope_of(sum(each), x)) == std::vector<double>{0, 0, 1});
      const BceOptions options{.weight = last, .reduction = Reduction::kNone};
      const Tensor counted = binary_cross_entropy_with_logits(x, t, options);
      CHECK(values(counted) == std::vector<double>{0, 0, 0});
      CHECK(values(slope_of(sum(counted), x)) == std::vector<double>{0, 0, 0});

      const Tensor log_probs = leaf({-kInf, -1., -2.}, dtype),
                   probs = tensor({0., .375, .625}, dtype);
      const double divergence = .375 * (std::log(.375) + 1) + .625 * (std::log(.625) + 2);
      const Tensor kl = kl_div(log_probs, probs, {.reduction = Reduction::kSum}),
                   kl_of_logs = kl_div(log_probs, log(probs),
                                       {.log_target = true, .reduction = Reduction::kSum});
      for (const Tensor& loss : {kl, kl_of_logs}) {
        CHECK(loss.item() == Approx(divergence).epsilon(digits));
        check_near("slope of kl_div", slope_of(loss, log_probs), {0, -.375, -.625}, digits);
      }
    }
}

TEST_CASE("limits: an ignored row may contain any numbers, in every implementation") {
  using Form = Tensor (*)(const Tensor& x, const Tensor& matrix, const Tensor& targets,
                          const CrossEntropyOptions& options);
  const std::pair<const char*, Form> forms[] = {
      {"cross_entropy",
       [](const Tensor& x, const Tensor&, const Tensor& targets,
          const CrossEntropyOptions& options) { return cross_entropy(x, targets, options); }},
      {"nll_loss",
       [](const Tensor& x, const Tensor&, const Tensor& targets,
          const CrossEntropyOptions& options) {
         return nll_loss(x, targets, {.weight = options.weight});
       }},
      {"linear_cross_entropy",
       [](const Tensor& x, const Tensor& matrix, const Tensor& targets,
          const CrossEntropyOptions& options) {
         return linear_cross_entropy(x, matrix, targets, options);
       }},
      {"linear_cross_entropy, tiled",
       [](const Tensor& x, const Tensor& matrix, const Tensor& targets,
          const CrossEntropyOptions& options) {
         return linear_cross_entropy(x, matrix, targets, options, {1, 2});
       }}};
  const Tensor weights[] = {{}, tensor({0.5, 1., 2.})};
  for (const auto& [name, f] : forms)
    for (const Tensor& weight : weights)
      for (double smoothing : {0., 0.125})
        for (DType dtype : kFloats)
          for (double bad : {-HUGE_VAL, HUGE_VAL, static_cast<double>(kNaN)})
            for (bool create_graph : {false, true}) {
              INFO(name << (weight.defined() ? ", weighted" : "") << ", smoothing " << smoothing
                        << ", " << dtype << ", ignoring " << bad
                        << (create_graph ? ", create_graph" : ""));
              const CrossEntropyOptions options{.weight = weight, .label_smoothing = smoothing};
              const Tensor good = leaf({{1., 2., 0.5}, {0., -1., 3.}}, dtype),
                           matrix = leaf({{1., 0., 1.}, {0., 1., 0.5}, {-1., 0., 1.}}, dtype),
                           x = cat({full({2, 3}, bad, dtype), good.detach()}).requires_grad_();
              const auto gradients = [&](const Tensor& loss, const Tensor& input) {
                return grad(loss, {input, matrix},
                            {.create_graph = create_graph, .allow_unused = true});
              };
              const Tensor wanted = f(good, matrix, tensor({1, 2}), options),
                           got = f(x, matrix, tensor({-100, -100, 1, 2}), options);
              CHECK(max_difference(got, wanted) < 1e-6);
              const std::vector<Tensor> slopes = gradients(got, x),
                                        others = gradients(wanted, good);
              const Tensor ignored = slice(slopes[0], 0, 0, 2), counted = slice(slopes[0], 0, 2, 4);
              CHECK(max_difference(ignored, zeros({2, 3})) == 0);
              CHECK(max_difference(counted, others[0]) < 1e-6);
              if (slopes[1].defined()) CHECK(max_difference(slopes[1], others[1]) < 1e-6);
            }
}

TEST_CASE("limits: logsumexp of a row of -infinity is -infinity, with the slope 0") {
  for (DType dtype : kFloats)
    for (bool create_graph : {false, true}) {
      const Tensor x = leaf({{-kInf, -kInf}, {0., 0.}, {-kInf, 2.}}, dtype), y = logsumexp(x, 1);
      CHECK(values(y)[0] == -kInf);
      const Tensor dx = grad(sum(y), {x}, {.create_graph = create_graph})[0];
      CHECK(values(dx) == std::vector<double>{0, 0, 0.5, 0.5, 0, 1});
      if (create_graph) CHECK(max_difference(grad(sum(dx * dx), {x})[0], zeros({3, 2})) < 1e-6);
    }
}

TEST_CASE(
    "losses of classes: the mean divides by the sum of the weights, even if it is 0 or negative") {
  const std::vector<std::pair<NestedList, double>> cases = {
      {{-1., -2., -0.5}, -3}, {{2., -3., 1.}, -1}, {{1., -1., 5.}, 0}, {{0.5, 2., 1.}, 2.5}};
  const Tensor targets = tensor({0, 1, -100});
  for (const auto& [given, total] : cases)
    for (DType dtype : kFloats) {
      const Tensor weight = tensor(given, kFloat64),
                   x = leaf({{1., 2., 0.}, {0.5, 0., 1.}, {3., 1., 2.}}, dtype);
      const std::vector<double> w = values(weight), p = values(log_softmax(x.to(kFloat64), -1));
      const double sum_of_rows = -w[0] * p[0] - w[1] * p[4], wanted = sum_of_rows / total;
      INFO("weights that add up to " << total << ", " << dtype);
      const double digits = dtype == kBFloat16 ? 1e-2 : 1e-5;
      const Tensor loss = cross_entropy(x, targets, {.weight = weight}),
                   other = nll_loss(log_softmax(x, -1), targets, {.weight = weight});
      CHECK(loss.item() ==
            (total == 0 ? Approx(HUGE_VAL * sum_of_rows) : Approx(wanted).epsilon(digits)));
      CHECK(other.item() ==
            (total == 0 ? Approx(HUGE_VAL * sum_of_rows) : Approx(wanted).epsilon(10 * digits)));
      if (total == 0) continue;
      const Tensor dx = grad(loss, {x})[0];
      CHECK(values(dx)[0] == Approx(w[0] * (std::exp(p[0]) - 1) / total).epsilon(digits));
    }
  // If no row counts, the loss is NaN and its gradient 0.
  const Tensor x = leaf({{1., 2., 0.}}), none = tensor({-100});
  const Tensor loss = cross_entropy(x, none, {.weight = tensor({1., -1., 0.})});
  CHECK(std::isnan(loss.item()));
  CHECK(max_difference(grad(loss, {x})[0], zeros({1, 3})) == 0);
}

TEST_CASE("limits: any int64 may be the class that is ignored") {
  constexpr int64_t kIgnored = std::numeric_limits<int64_t>::max();
  for (const DType dtype : kFloats) {
    const Tensor x = leaf({{1., 2., 0.}, {0., 0., 0.}}).detach().to(dtype).requires_grad_();
    const Tensor targets = tensor({kIgnored, int64_t{1}});
    const Tensor loss = cross_entropy(x, targets, {.ignore_index = kIgnored});
    CHECK(loss.item() == Approx(std::log(3.0)).epsilon(1e-2));
    CHECK(grad(loss, {x})[0][0].max().item() == 0);
    const Tensor h = ones({2, 1}, dtype), w = zeros({3, 1}, dtype);
    CHECK(linear_cross_entropy(h, w, targets, {.ignore_index = kIgnored}).item() ==
          Approx(std::log(3.0)).epsilon(1e-2));
  }
}
