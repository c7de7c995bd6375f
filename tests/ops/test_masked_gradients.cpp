// Tests that elements which an op does not select get the gradient 0, even where dy is infinite.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

// `slope` is the gradient of sum f(x) at x, `curvature` the gradient of the sum of `slope`.
struct MaskedCase {
  const char* name;
  std::function<Tensor(const Tensor&)> f;
  std::vector<double> x, slope, curvature;
};

Tensor constants(std::initializer_list<double> v, const Tensor& like) {
  return from_span(std::span(v.begin(), v.size())).to(like.dtype());
}
Tensor positive_places(const Tensor& x) { return gt(x.detach(), 0); }
// A (2, 2) matrix with x in both rows; tril and triu set part of it to 0.
Tensor as_square(const Tensor& x) { return reshape(cat({x, x}), {2, 2}); }

const std::vector<MaskedCase> kMaskedCases = {
    {"log clamp",
     [](const Tensor& x) { return log(clamp(x, 0, 1)); },
     {-1, 0.5, -3, 2},
     {0, 2, 0, 0},
     {0, -4, 0, 0}},
    {"log clamp from below",
     [](const Tensor& x) { return log(clamp(x, 0)); },
     {-1, 0.5, 2},
     {0, 2, 0.5},
     {0, -4, -0.25}},
    {"log(1 - clamp from above)",
     [](const Tensor& x) { return log(1 - clamp(x, {}, 1)); },
     {3, 0.5},
     {0, -2},
     {0, -4}},
    {"log maximum",
     [](const Tensor& x) { return log(maximum(x, zeros_like(x))); },
     {-1, 0.5},
     {0, 2},
     {0, -4}},
    {"log maximum, the other side",
     [](const Tensor& x) { return log(maximum(zeros({}, x.dtype()), x)); },
     {-1, 0.5},
     {0, 2},
     {0, -4}},
    {"1 / (minimum - 1)",
     [](const Tensor& x) { return 1 / (minimum(x, ones_like(x)) - 1); },
     {3, 0.5},
     {0, -4},
     {0, -16}},
    {"sqrt norm of zeros", [](const Tensor& x) { return sqrt(norm(x)); }, {0, 0}, {0, 0}, {0, 0}},
    {"norm of zeros", [](const Tensor& x) { return norm(x); }, {0, 0}, {0, 0}, {0, 0}},
    {"log(x^0 - 1)",
     [](const Tensor& x) { return log(pow(x, zeros_like(x)) - 1); },
     {2, 3},
     {0, 0},
     {0, 0}},
    {"log relu", [](const Tensor& x) { return log(relu(x)); }, {-1, 0.5, 0}, {0, 2, 0}, {0, -4, 0}},
    {"sqrt relu", [](const Tensor& x) { return sqrt(relu(x)); }, {-1, 0.25}, {0, 1}, {0, -2}},
    {"log of linear with relu",
     [](const Tensor& x) {
       const Tensor one = to(tensor({{1.}}), x.dtype());
       return log(linear(unsqueeze(x, 1), one, {}, Activation::kRelu));
     },
     {-1, 0.5},
     {0, 2},
     {0, -4}},
    {"log abs",
     [](const Tensor& x) { return log(abs(x)); },
     {0, -2, 0.5},
     {0, -0.5, 2},
     {0, -0.25, -4}},
    {"log where",
     [](const Tensor& x) { return log(where(positive_places(x), x, zeros_like(x))); },
     {-1, 0.5},
     {0, 2},
     {0, -4}},
    {"log masked_fill",
     [](const Tensor& x) { return log(masked_fill(x, le(x, 0), 0)); },
     {-1, 0.5},
     {0, 2},
     {0, -4}},
    {"log tril",
     [](const Tensor& x) { return log(tril(as_square(x), -1)); },
     {0.5, 2},
     {2, 0},
     {-4, 0}},
    {"log triu",
     [](const Tensor& x) { return log(triu(as_square(x), 1)); },
     {0.5, 2},
     {0, 0.5},
     {0, -0.25}},
    {"log of max over an axis less 1",
     [](const Tensor& x) { return log(max(x, 0).values - 1); },
     {0.5, 1.5, -2},
     {0, 2, 0},
     {0, -4, 0}},
    {"log dropout",
     [](const Tensor& x) {
       manual_seed(5);
       return log(dropout(expand(unsqueeze(x, 1), {2, 1000}), 0.5)) / 1000;
     },
     {0.5, 2},
     {},
     {}},
    {"sum of a^0 at a = 0",
     [](const Tensor& x) { return log(1 - pow(x, zeros_like(x))); },
     {0},
     {0},
     {0}},
    {"smooth_l1 at infinite differences",
     [](const Tensor& x) {
       return smooth_l1_loss(x, constants({0, 0, 0.5}, x), {.reduction = Reduction::kSum});
     },
     {kInf, -kInf, 1},
     {1, -1, 0.5},
     {0, 0, 1}},
    {"huber at infinite differences",
     [](const Tensor& x) {
       return huber_loss(x, constants({0, 0, 0.5}, x), {.delta = 2, .reduction = Reduction::kSum});
     },
     {kInf, -kInf, 1},
     {2, -2, 0.5},
     {0, 0, 1}},
    {"l1 at infinite differences",
     [](const Tensor& x) { return l1_loss(x, zeros_like(x), Reduction::kSum); },
     {kInf, -kInf},
     {1, -1},
     {0, 0}},
};

void check_numbers(const char* what, const Tensor& got, const std::vector<double>& wanted,
                   double rtol) {
  const std::vector<double> v = values(got);
  if (wanted.empty()) {
    for (double g : v) CHECK(std::isfinite(g));
    return;
  }
  REQUIRE(v.size() == wanted.size());
  for (size_t i = 0; i < v.size(); ++i) {
    INFO(what << ", element " << i << " is " << v[i] << ", expected " << wanted[i]);
    CHECK((v[i] == wanted[i] || std::abs(v[i] - wanted[i]) <= rtol * std::abs(wanted[i])));
  }
}

}  // namespace

TEST_CASE("masked gradients: elements not selected have gradient 0, in every dtype and order") {
  for (const MaskedCase& c : kMaskedCases)
    for (DType dtype : {kFloat32, kFloat64, kBFloat16}) {
      INFO(c.name << ", " << dtype);
      const double rtol = dtype == kBFloat16 ? 2e-2 : 1e-6;
      const Tensor x = from_span(std::span<const double>(c.x)).to(dtype).requires_grad_();
      check_numbers("gradient", grad(sum(c.f(x)), {x})[0], c.slope, rtol);
      const Tensor slope = grad(sum(c.f(x)), {x}, {.create_graph = true})[0];
      check_numbers("gradient under create_graph", slope, c.slope, rtol);
      const Tensor curvature =
          slope.requires_grad() ? grad(sum(slope), {x}, {.allow_unused = true})[0] : Tensor();
      check_numbers("second derivative", curvature.defined() ? curvature : zeros_like(x),
                    c.curvature, 2 * rtol);
    }
}

TEST_CASE("masked gradients: relu has slope 1 at NaN, in every implementation") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (bool create_graph : {false, true}) {
      INFO(dtype << (create_graph ? ", create_graph" : ""));
      const Tensor x = leaf({kNaN, -1., 0., 2.}, dtype), dy = tensor({3., 4., 5., 6.}, dtype);
      const GradOptions options{.grad_outputs = {dy}, .create_graph = create_graph};
      CHECK(values(grad(relu(x), {x}, options)[0]) == std::vector<double>{3, 0, 0, 6});
      const Tensor one = tensor({{1.}}, dtype);
      const Tensor y = squeeze(linear(unsqueeze(x, 1), one, {}, Activation::kRelu), 1);
      CHECK(std::isnan(values(y)[0]));
      CHECK(values(grad(y, {x}, options)[0]) == std::vector<double>{3, 0, 0, 6});
    }
}

TEST_CASE("masked gradients: relu keeps NaN in tensors of any size and layout") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    INFO(dtype);
    const auto places = [](const Tensor& x) { return sum(ne(x, x)).item<int64_t>(); };
    const Tensor large = to(randn({300, 300}), dtype);
    select(large, 0, 7).fill_(kNaN);
    CHECK(places(relu(large)) == 300);
    CHECK(places(relu(large.t())) == 300);
    const Tensor rest = to(randn({3, 300}), dtype);
    CHECK(max_difference(relu(rest), maximum(rest, zeros_like(rest))) == 0);
    // Products on oneDNN in pieces, without and with a bias.
    const Tensor weight = to(randn({350, 300}), dtype), bias = to(randn({350}), dtype);
    for (const Tensor& shift : {Tensor(), bias}) {
      const Tensor y = linear(large, weight, shift, Activation::kRelu);
      CHECK(places(y) == 350);
      CHECK(max_difference(y, relu(linear(large, weight, shift))) == 0);
      CHECK(places(linear(large.t(), weight, shift, Activation::kRelu)) == 300 * 350);
    }
  }
}

TEST_CASE(
    "masked gradients: where an input is NaN, minimum and maximum give both inputs the gradient") {
  for (auto f : {minimum, maximum}) {
    const Tensor a = leaf({kNaN, 1., 1.}), b = leaf({1., kNaN, 1.});
    const std::vector<Tensor> g = grad(sum(f(a, b)), {a, b});
    CHECK(values(g[0]) == std::vector<double>{1, 1, 0.5});
    CHECK(values(g[1]) == std::vector<double>{1, 1, 0.5});
  }
}

TEST_CASE("masked gradients: dropout also drops infinite numbers, forward and backward") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    manual_seed(0);
    const Tensor x = full({1000}, kInf, dtype).requires_grad_(), y = dropout(x, 0.1);
    int dropped = 0;
    for (double v : values(y)) {
      CHECK((v == 0 || v == kInf));
      dropped += v == 0;
    }
    CHECK((50 < dropped && dropped < 150));
    const Tensor dx = grad(y, {x}, {.grad_outputs = {full({1000}, kInf, dtype)}})[0];
    CHECK(max_difference(dx, y) == 0);
    for (double v : values(dropout(x, 1))) CHECK(v == 0);
  }
}
