// Compares vitro's ops in float64 with every golden case: values, gradients, conversions, initial
// values.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "tests/support/golden.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr double kRtol = 1e-9, kAtol = 1e-12;

using Tensors = std::vector<Tensor>;
using Run = std::function<Tensors(const GoldenCase& c, const Tensors& in)>;

// The goldens for which vitro has no function.  The static_assert fails when vitro gets a function,
// so the list stays correct.
template <class T>
concept Sorts = requires(T x) {
  sort(x, 0);
};
template <class T>
concept TakesSeveralAxes = requires(T x) {
  var(x, Shape{0, 2});
};
static_assert(!Sorts<Tensor> && !TakesSeveralAxes<Tensor>);
struct Missing {
  const char* prefix;  // of the names of the cases
  int cases;
};
const std::vector<Missing> kMissing = {{"sort/", 2}, {"var/several/", 4}};

// The goldens from which vitro differs on purpose.  The test must find exactly this difference.
struct Different {
  const char *name, *difference, *reason;
};
const char* const kGated =
    "output 0: element 0 is -0, expected nan; gradient of x: element 0 is 0, expected nan; ";
const char* const kTendsToZero = "x f(x) tends to 0 at -infinity, and so does its slope";
const std::vector<Different> kDifferent = {
    {"silu/nonfinite", kGated, kTendsToZero},
    {"gelu/none/nonfinite", kGated, kTendsToZero},
    {"gelu/tanh/nonfinite", kGated, kTendsToZero},
    {"logsumexp/all_minus_inf", "gradient of x: element 0 is 0, expected nan; ",
     "a row of -infinity has the slope 0"},
    {"logsumexp/axis_0", "gradient of x: element 1 is 0, expected nan; ",
     "a row of -infinity has the slope 0"},
};
template <class Row>
const Row* row_named(const std::vector<Row>& rows, const std::string& name) {
  for (const Row& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

Reduction reduction(const GoldenCase& c) {
  const std::string name = c.arg("reduction");
  return name == "none" ? Reduction::kNone : name == "mean" ? Reduction::kMean : Reduction::kSum;
}
Tensors pair(const ValuesAndIndices& y) { return {y.values, y.indices}; }
Run unary(Tensor (*f)(const Tensor&)) {
  return [f](const GoldenCase&, const Tensors& in) { return Tensors{f(in[0])}; };
}
Run binary(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const GoldenCase&, const Tensors& in) { return Tensors{f(in[0], in[1])}; };
}
Run along_axis(Tensor (*f)(const Tensor&, int64_t)) {
  return [f](const GoldenCase& c, const Tensors& in) { return Tensors{f(in[0], c.arg("axis"))}; };
}
Run extremum(ValuesAndIndices (*f)(const Tensor&, int64_t, bool)) {
  return [f](const GoldenCase& c, const Tensors& in) {
    return pair(f(in[0], c.arg("axis"), c.arg("keepdim")));
  };
}
Run place(Tensor (*whole)(const Tensor&), Tensor (*f)(const Tensor&, int64_t, bool)) {
  return [=](const GoldenCase& c, const Tensors& in) {
    if (c.arg("axis").is_null()) return Tensors{whole(in[0])};
    return Tensors{f(in[0], c.arg("axis"), c.arg("keepdim"))};
  };
}

// The constant of this name among the case's arguments; undefined if there is none.
Tensor constant_of(const GoldenCase& c, const char* name) {
  if (!c.has_arg(name)) return {};
  auto values = c.arg(name).get<std::vector<double>>();
  return from_blob(values.data(), {static_cast<int64_t>(values.size())}, kFloat64).clone();
}
Tensors run_cross_entropy(const GoldenCase& c, const Tensors& in) {
  return {cross_entropy(in[0], in[1],
                        {.weight = constant_of(c, "weight"),
                         .ignore_index = c.arg("ignore_index"),
                         .label_smoothing = c.arg("label_smoothing"),
                         .reduction = reduction(c)})};
}
Tensors run_pow(const GoldenCase& c, const Tensors& in) {
  return {c.has_arg("exponent") ? pow(in[0], c.arg("exponent").get<double>()) : pow(in[0], in[1])};
}
Tensors run_var(const GoldenCase& c, const Tensors& in) {
  const VarOptions options{.correction = c.arg("correction"), .keepdim = c.arg("keepdim")};
  if (c.arg("axes").size() == 1) return {var(in[0], c.arg("axes")[0].get<int64_t>(), options)};
  return {var(in[0], options)};
}
// The layer, not the op, knows padding_idx.
Tensors run_embedding(const GoldenCase& c, const Tensors& in) {
  if (c.arg("padding_idx").is_null()) return {embedding(in[0], in[1])};
  nn::Embedding layer(in[1].size(0), in[1].size(1), {.padding_idx = c.arg("padding_idx")});
  layer.weight = in[1];
  return {layer(in[0])};
}

const std::map<std::string, Run>& runs() {
  static const std::map<std::string, Run> all = {
      {"cross_entropy", run_cross_entropy},
      {"nll_loss",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{nll_loss(in[0], in[1],
                                 {.weight = constant_of(c, "weight"),
                                  .ignore_index = c.arg("ignore_index"),
                                  .reduction = reduction(c)})};
       }},
      {"l1_loss", [](const GoldenCase& c,
                     const Tensors& in) { return Tensors{l1_loss(in[0], in[1], reduction(c))}; }},
      {"smooth_l1_loss",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{
             smooth_l1_loss(in[0], in[1], {.beta = c.arg("beta"), .reduction = reduction(c)})};
       }},
      {"huber_loss",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{
             huber_loss(in[0], in[1], {.delta = c.arg("delta"), .reduction = reduction(c)})};
       }},
      {"binary_cross_entropy_with_logits",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{
             binary_cross_entropy_with_logits(in[0], in[1],
                                              {.weight = constant_of(c, "weight"),
                                               .pos_weight = constant_of(c, "pos_weight"),
                                               .reduction = reduction(c)})};
       }},
      {"kl_div",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{
             kl_div(in[0], in[1], {.log_target = c.arg("log_target"), .reduction = reduction(c)})};
       }},
      {"norm",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{c.arg("axis").is_null() ? norm(in[0])
                                                : norm(in[0], c.arg("axis"), c.arg("keepdim"))};
       }},
      {"mse_loss", [](const GoldenCase& c,
                      const Tensors& in) { return Tensors{mse_loss(in[0], in[1], reduction(c))}; }},
      {"max", extremum(max)},
      {"min", extremum(min)},
      {"argmax", place(argmax, argmax)},
      {"argmin", place(argmin, argmin)},
      {"topk",
       [](const GoldenCase& c, const Tensors& in) {
         return pair(topk(in[0], c.arg("k"), c.arg("axis"), c.arg("largest")));
       }},
      {"maximum", binary(maximum)},
      {"minimum", binary(minimum)},
      {"clamp",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{clamp(in[0], c.arg("min").get<double>(), c.arg("max").get<double>())};
       }},
      {"relu", unary(relu)},
      {"abs", unary(abs)},
      {"silu", unary(silu)},
      {"softplus", unary(softplus)},
      {"erf", unary(erf)},
      {"sigmoid", unary(sigmoid)},
      {"tanh", unary(tanh)},
      {"gelu",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{
             gelu(in[0], c.arg("approximate") == "tanh" ? GeluForm::kTanh : GeluForm::kErf)};
       }},
      {"pow", run_pow},
      {"sqrt", unary(sqrt)},
      {"rsqrt", unary(rsqrt)},
      {"log", unary(log)},
      {"div", binary(div)},
      {"softmax", along_axis(softmax)},
      {"log_softmax", along_axis(log_softmax)},
      {"logsumexp", [](const GoldenCase& c,
                       const Tensors& in) { return Tensors{logsumexp(in[0], c.arg("axis"))}; }},
      {"var", run_var},
      {"scaled_dot_product_attention",
       [](const GoldenCase& c, const Tensors& in) {
         AttentionOptions options;
         if (c.has_arg("causal")) options.is_causal = c.arg("causal");
         if (c.has_arg("mask")) options.mask = golden_tensor(c.arg("mask"));
         if (c.has_arg("scale")) options.scale = c.arg("scale").get<double>();
         return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], options)};
       }},
      {"embedding", run_embedding},
      {"gather", [](const GoldenCase& c,
                    const Tensors& in) { return Tensors{gather(in[0], c.arg("axis"), in[1])}; }},
      {"scatter_add",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{scatter_add(in[0], c.arg("axis"), in[1], in[2])};
       }},
      {"index_select",
       [](const GoldenCase& c, const Tensors& in) {
         return Tensors{index_select(in[0], c.arg("axis"), in[1])};
       }},
      {"where",
       [](const GoldenCase&, const Tensors& in) { return Tensors{where(in[0], in[1], in[2])}; }},
      {"one_hot", [](const GoldenCase& c,
                     const Tensors& in) { return Tensors{one_hot(in[0], c.arg("num_classes"))}; }},
  };
  return all;
}

// "" if vitro's outputs and gradients equal the golden's, else the differences in words.
std::string wrong(const GoldenCase& c) {
  Tensors in, wanted;
  std::string all;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    in.push_back(c.inputs[i].clone());
    if (c.grads[i].defined()) wanted.push_back(in.back().requires_grad_());
  }
  const Tensors out = runs().at(c.op)(c, in);
  if (out.size() != c.outputs.size()) return "another number of outputs";
  for (size_t i = 0; i < out.size(); ++i)
    if (std::string d = difference(out[i], c.outputs[i], kRtol, kAtol); !d.empty())
      all += "output " + std::to_string(i) + ": " + d + "; ";
  if (wanted.empty()) return all;
  const Tensors found = grad(out[0], wanted, {.grad_outputs = {c.grad_output}});
  for (size_t i = 0, k = 0; i < c.inputs.size(); ++i)
    if (c.grads[i].defined())
      if (std::string d = difference(found[k++], c.grads[i], kRtol, kAtol); !d.empty())
        all += "gradient of " + c.names[i] + ": " + d + "; ";
  return all;
}

}  // namespace

TEST_CASE("ops give PyTorch's values and gradients") {
  std::map<std::string, int> missing;
  size_t different = 0, compared = 0;
  for (const char* file :
       {"losses", "ties", "elementwise", "softmax", "var", "norm", "gathering", "attention"})
    for (const GoldenCase& c : read_goldens(file)) {
      INFO(file << ": " << c.name);
      const auto none = std::find_if(kMissing.begin(), kMissing.end(), [&](const Missing& m) {
        return c.name.starts_with(m.prefix);
      });
      if (none != kMissing.end()) {
        ++missing[none->prefix];
        continue;
      }
      std::string text;
      try {
        text = wrong(c);
      } catch (const std::exception& e) { text = std::string("throws ") + e.what(); }
      const Different* other = row_named(kDifferent, c.name);
      INFO((other ? other->reason : "as PyTorch"));
      CHECK(text == (other ? other->difference : ""));
      ++(other ? different : compared);
    }
  for (const Missing& m : kMissing) CHECK(missing[m.prefix] == m.cases);
  CHECK(different == kDifferent.size());
  CHECK(compared >= 185);
}

TEST_CASE("conversions between dtypes give PyTorch's bits") {
  int compared = 0;
  for (const GoldenCase& c : read_goldens("conversion")) {
    INFO(c.name);
    Tensor expected = c.outputs[0];
    CHECK(difference(c.inputs[0].to(expected.dtype()), expected, 0, 0) == "");
    // A strided tensor, for which no kernel runs over whole rows, gives the same bits.
    Tensor strided = stack({c.inputs[0], c.inputs[0]}, 1).select(1, 1);
    CHECK(difference(strided.to(expected.dtype()), expected, 0, 0) == "");
    ++compared;
  }
  CHECK(compared >= 19);
}

namespace {

// The tensors that the case's initializer fills, one per draw.
Tensors initialized(const GoldenCase& c) {
  using namespace nn::init;
  if (c.op == "Linear") {
    nn::Linear layer(c.arg("in"), c.arg("out"));
    return {layer.weight.detach(), layer.bias.detach()};
  }
  if (c.op == "Embedding") return {nn::Embedding(c.arg("V"), c.arg("C")).weight.detach()};
  const auto sizes = c.arg("shape").get<std::vector<int64_t>>();
  Tensor x = empty(Shape(std::span<const int64_t>(sizes)), kFloat64);
  if (c.op == "xavier_uniform_") return {xavier_uniform_(x, c.arg("gain"))};
  if (c.op == "xavier_normal_") return {xavier_normal_(x, c.arg("gain"))};
  const FanMode mode = c.arg("mode") == "fan_in" ? FanMode::kIn : FanMode::kOut;
  const auto fill = c.op == "kaiming_uniform_" ? kaiming_uniform_ : kaiming_normal_;
  return {fill(x, c.arg("a"), mode, c.arg("nonlinearity"), default_generator())};
}

// A draw with the bounds or the deviation of the golden.
Tensor drawn(const nlohmann::json& draw, const Tensor& like) {
  Tensor x = empty_like(like);
  if (draw.at("kind") == "uniform") fill_uniform(x, draw.at("low"), draw.at("high"));
  else fill_normal(x, draw.at("mean"), draw.at("std"));
  return x;
}

// Checks that many draws together have the golden's bounds, mean and deviation.
void check_statistics(const GoldenCase& c, size_t which) {
  const nlohmann::json& draw = c.json.at("draws")[which];
  double sum = 0, squares = 0, least = HUGE_VAL, most = -HUGE_VAL, n = 0;
  for (int repeat = 0; repeat < 500; ++repeat)
    for (double v : values(initialized(c)[which])) {
      sum += v, squares += v * v, ++n;
      least = std::min(least, v), most = std::max(most, v);
    }
  const bool uniform = draw.at("kind") == "uniform";
  const double high = uniform ? draw.at("high").get<double>() : 0,
               deviation = uniform ? high / std::sqrt(3) : draw.at("std").get<double>();
  CHECK(std::abs(sum / n) < 0.04 * deviation);
  CHECK(std::sqrt(squares / n) == Approx(deviation).epsilon(0.02));
  if (!uniform) return;
  const double slack = high * 1e-6;  // for float32's rounding
  CHECK((-high - slack <= least && least < -0.99 * high));
  CHECK((0.99 * high < most && most <= high + slack));
}

}  // namespace

TEST_CASE("initial values are drawn from PyTorch's distributions") {
  KeepGenerator keep;
  int draws = 0, gains = 0;
  for (const GoldenCase& c : read_goldens("init")) {
    INFO(c.name);
    if (c.op == "calculate_gain") {
      CHECK(nn::init::calculate_gain(c.arg("nonlinearity")) ==
            Approx(c.json.at("gain").get<double>()).epsilon(1e-12));
      ++gains;
      continue;
    }
    manual_seed(7);
    const Tensors found = initialized(c);
    REQUIRE(found.size() == c.json.at("draws").size());
    manual_seed(7);
    for (size_t i = 0; i < found.size(); ++i, ++draws) {
      const double rtol = found[i].dtype() == kFloat64 ? 1e-12 : 1e-6;
      CHECK(difference(found[i], drawn(c.json.at("draws")[i], found[i]), rtol, rtol) == "");
    }
    for (size_t i = 0; i < found.size(); ++i) check_statistics(c, i);
  }
  CHECK(draws == 27);
  CHECK(gains == 5);
}
