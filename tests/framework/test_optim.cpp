// Compares the optimizers with 100 steps of PyTorch in every dtype; tests their state and misuse.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/tensor/loops.h"
#include "tests/support/paths.h"
#include "vitro.h"

using namespace vitro;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

json goldens(const std::string& name) {
  return json::parse(std::ifstream(testing::source_path("tests/golden/" + name + ".json")));
}

// The same parameters and gradients as in tests/golden/golden_optim.py.
struct Subject {
  NamedTensors parameters;

  explicit Subject(DType dtype) {
    for (auto& [name, shape] : {std::pair{"weight", Shape{3, 4}}, std::pair{"bias", Shape{5}}}) {
      Tensor p = empty(shape, kFloat64);
      for (int64_t i = 0; i < p.numel(); ++i)
        p.mutable_data<double>()[i] = std::cos(1 + static_cast<double>(i));
      p = p.to(dtype);
      parameters.emplace_back(name, p.requires_grad_());
    }
  }
  void set_gradients(int64_t step) {
    for (auto& [name, p] : parameters) {
      Tensor g = empty(p.shape(), kFloat64);
      for (int64_t i = 0; i < p.numel(); ++i)
        g.mutable_data<double>()[i] =
            std::sin(0.7 * static_cast<double>(i) + 0.3 * static_cast<double>(step)) +
            0.1 * static_cast<double>(i);
      if (name == "bias" && step == 2) p.zero_grad();
      else p.set_grad(g.to(p.dtype()));
    }
  }
};

double option(const json& options, const char* name, double otherwise) {
  return options.contains(name) ? options[name].get<double>() : otherwise;
}
bool flag(const json& options, const char* name) {
  return options.contains(name) && options[name].get<bool>();
}

template <class O>
O adam_options(const json& o, O d) {
  return {.lr = option(o, "lr", d.lr),
          .beta1 = option(o, "beta1", d.beta1),
          .beta2 = option(o, "beta2", d.beta2),
          .eps = option(o, "eps", d.eps),
          .weight_decay = option(o, "weight_decay", d.weight_decay),
          .amsgrad = flag(o, "amsgrad")};
}

// Options that are not in the golden file get vitro's defaults, so the defaults are compared with
// PyTorch's too.
std::unique_ptr<optim::Optimizer> make(const json& one, const NamedTensors& parameters) {
  const json& o = one["options"];
  if (one["op"] == "SGD")
    return std::make_unique<optim::SGD>(
        parameters, optim::SGDOptions{.lr = option(o, "lr", optim::SGDOptions{}.lr),
                                      .momentum = option(o, "momentum", 0),
                                      .dampening = option(o, "dampening", 0),
                                      .weight_decay = option(o, "weight_decay", 0),
                                      .nesterov = flag(o, "nesterov")});
  if (one["op"] == "Adam")
    return std::make_unique<optim::Adam>(parameters, adam_options(o, optim::AdamOptions{}));
  if (one["op"] == "AdamW")
    return std::make_unique<optim::AdamW>(parameters, adam_options(o, optim::AdamWOptions{}));
  if (one["op"] == "RMSprop") {
    const optim::RMSpropOptions d;
    return std::make_unique<optim::RMSprop>(
        parameters, optim::RMSpropOptions{.lr = option(o, "lr", d.lr),
                                          .alpha = option(o, "alpha", d.alpha),
                                          .eps = option(o, "eps", d.eps),
                                          .weight_decay = option(o, "weight_decay", d.weight_decay),
                                          .momentum = option(o, "momentum", d.momentum),
                                          .centered = flag(o, "centered")});
  }
  const optim::AdagradOptions d;
  return std::make_unique<optim::Adagrad>(
      parameters,
      optim::AdagradOptions{.lr = option(o, "lr", d.lr),
                            .lr_decay = option(o, "lr_decay", d.lr_decay),
                            .weight_decay = option(o, "weight_decay", d.weight_decay),
                            .initial_accumulator_value =
                                option(o, "initial_accumulator_value", d.initial_accumulator_value),
                            .eps = option(o, "eps", d.eps)});
}

void check_near(const Tensor& p, const json& expected, double tolerance) {
  Tensor values = p.detach().to(kFloat64);
  REQUIRE(static_cast<size_t>(p.numel()) == expected.size());
  for (int64_t i = 0; i < p.numel(); ++i) {
    const double e = expected[static_cast<size_t>(i)];
    CHECK(std::abs(values.data<double>()[i] - e) <= tolerance * (1 + std::abs(e)));
  }
}

std::vector<float> floats(const Tensor& x) {
  Tensor y = x.detach().to(kFloat32).contiguous();
  return {y.data<float>(), y.data<float>() + y.numel()};
}

}  // namespace

TEST_CASE("optim: 100 steps give PyTorch's values, with all options") {
  const DType dtype = GENERATE(kFloat64, kFloat32);
  for (const json& one : goldens("optimizers")) {
    INFO(one["name"] << ' ' << dtype);
    Subject subject(dtype);
    auto optimizer = make(one, subject.parameters);
    size_t seen = 0;
    for (int64_t step = 1; step <= 100; ++step) {
      subject.set_gradients(step);
      optimizer->step();
      const json& kept = one["values"][seen];
      if (kept["step"] != step) continue;
      ++seen;
      for (auto& [name, p] : subject.parameters)
        check_near(p, kept[name], dtype == kFloat64 ? 1e-11 : 2e-5);
    }
    CHECK(seen == one["values"].size());
  }
}

TEST_CASE("optim: bfloat16 parameters are stepped in float32 and rounded once") {
  for (const json& one : goldens("optimizers")) {
    INFO(one["name"]);
    Subject subject(kBFloat16), exact(kBFloat16);
    for (auto& [name, p] : exact.parameters) {
      Tensor wide = p.detach().to(kFloat32);
      p = wide.requires_grad_();
    }
    auto a = make(one, subject.parameters), b = make(one, exact.parameters);
    subject.set_gradients(1);
    exact.set_gradients(1);
    for (size_t i = 0; i < 2; ++i)  // both get the rounded gradient
      exact.parameters[i].second.set_grad(subject.parameters[i].second.grad().to(kFloat32));
    a->step();
    b->step();
    for (size_t i = 0; i < 2; ++i)
      CHECK(floats(subject.parameters[i].second) ==
            floats(exact.parameters[i].second.detach().to(kBFloat16)));
    for (auto& [name, x] : a->state_dict())
      if (x.rank() > 0) CHECK(x.dtype() == kFloat32);
  }
}

TEST_CASE("optim: the result does not depend on the threads or on the ranges of their work") {
  auto run = [](int threads, bool together) {
    set_num_threads(threads);
    manual_seed(1);
    std::vector<Tensor> parameters;
    for (int64_t n : {70001, 3, 1, 20000, 16}) parameters.push_back(randn({n}).requires_grad_());
    std::vector<std::unique_ptr<optim::AdamW>> optimizers;
    if (together) optimizers.push_back(std::make_unique<optim::AdamW>(parameters));
    else
      for (Tensor& p : parameters)
        optimizers.push_back(std::make_unique<optim::AdamW>(std::vector{p}));
    for (int step = 0; step < 3; ++step) {
      for (Tensor& p : parameters) p.set_grad(randn(p.shape()));
      for (auto& optimizer : optimizers) optimizer->step();
    }
    std::vector<float> all;
    for (Tensor& p : parameters)
      for (float x : floats(p)) all.push_back(x);
    return all;
  };
  const int before = get_num_threads();
  const auto one = run(1, true);
  CHECK(one == run(2, true));
  CHECK(one == run(1, false));
  set_num_threads(before);
}

TEST_CASE("optim: a saved state continues bit for bit") {
  for (const json& one : goldens("optimizers")) {
    INFO(one["name"]);
    Subject whole(kFloat32), parts(kFloat32);
    auto a = make(one, whole.parameters), b = make(one, parts.parameters);
    for (int64_t step = 1; step <= 20; ++step) {
      whole.set_gradients(step);
      a->step();
      parts.set_gradients(step);
      b->step();
      const NamedTensors saved = b->state_dict();
      b = make(one, parts.parameters);
      b->load_state_dict(saved);
    }
    for (size_t i = 0; i < 2; ++i)
      CHECK(floats(whole.parameters[i].second) == floats(parts.parameters[i].second));
  }
}

TEST_CASE("optim: the state is named after the parameters") {
  Subject subject(kFloat32);
  optim::AdamW adam(subject.parameters, {.amsgrad = true});
  CHECK(adam.state_dict().empty());
  subject.set_gradients(2);  // the bias gets no gradient
  adam.step();
  std::vector<std::string> names;
  for (auto& [name, x] : adam.state_dict()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"weight.step", "weight.exp_avg", "weight.exp_avg_sq",
                                          "weight.max_exp_avg_sq"});
  optim::SGD sgd(std::vector{subject.parameters[0].second}, {.momentum = 0.9});
  sgd.step();
  CHECK(sgd.state_dict()[1].first == "0.momentum_buffer");
}

TEST_CASE("optim: a state that does not fit changes nothing") {
  Subject subject(kFloat32);
  optim::Adam adam(subject.parameters);
  subject.set_gradients(1);
  adam.step();
  auto broken = [&](auto change) {
    NamedTensors dict = adam.state_dict();
    change(dict);
    return dict;
  };
  const auto before = adam.state_dict();
  CHECK_THROWS_WITH(adam.load_state_dict(broken([](auto& d) { d.erase(d.begin() + 1); })),
                    Contains("expected weight.exp_avg, got none"));
  CHECK_THROWS_WITH(adam.load_state_dict(broken([](auto& d) { d[4].second = zeros({7}); })),
                    Contains("expected bias.exp_avg of shape (5,), got (7,)"));
  CHECK_THROWS_AS(adam.load_state_dict(broken([](auto& d) { d[4].second = zeros({5}, kFloat64); })),
                  DTypeError);
  CHECK_THROWS_WITH(
      adam.load_state_dict(broken([](auto& d) { d.emplace_back("head.step", zeros({}, kInt64)); })),
      Contains("of this optimizer, got head.step"));
  CHECK_THROWS_WITH(adam.load_state_dict(broken([](auto& d) { d[0].second = zeros({}, kInt64); })),
                    Contains("expected weight.step > 0"));
  const auto after = adam.state_dict();
  REQUIRE(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i)
    CHECK(floats(before[i].second) == floats(after[i].second));
}

TEST_CASE("optim: each group has its own options") {
  Subject subject(kFloat64);
  auto groups = optim::decay_groups(subject.parameters);
  REQUIRE(groups.decayed.size() == 1);
  CHECK(groups.decayed[0].first == "weight");
  CHECK(groups.plain[0].first == "bias");
  optim::SGD opt(groups.decayed, {.lr = 0.5, .weight_decay = 0.1});
  opt.add_param_group(groups.plain, {.lr = 0.25});
  CHECK(opt.group_count() == 2);
  const double w = subject.parameters[0].second.data<double>()[0],
               b = subject.parameters[1].second.data<double>()[0];
  subject.set_gradients(1);
  opt.step();
  const double g = std::sin(0.3);
  CHECK(subject.parameters[0].second.data<double>()[0] == Approx(w - 0.5 * (g + 0.1 * w)));
  CHECK(subject.parameters[1].second.data<double>()[0] == Approx(b - 0.25 * g));
  opt.set_lr(1, 0);
  opt.step();
  CHECK(subject.parameters[1].second.data<double>()[0] == Approx(b - 0.25 * g));
  opt.zero_grad();
  CHECK_FALSE(subject.parameters[0].second.grad().defined());
}

TEST_CASE("optim: a step is a change in place") {
  Tensor w = ones({2}).requires_grad_();
  Tensor loss = sum(w * w);
  optim::SGD opt(std::vector{w}, {.lr = 1});
  w.set_grad(ones({2}));
  opt.step();
  CHECK(floats(w) == std::vector<float>{0, 0});
  CHECK_THROWS_AS(loss.backward(), VersionError);
}

TEST_CASE("optim: misuse throws a typed error that names the wrong argument") {
  Tensor w = ones({2}).requires_grad_();
  const std::vector<Tensor> ws{w};
  CHECK_THROWS_WITH(optim::SGD(std::vector<Tensor>{}), Contains("at least one parameter"));
  CHECK_THROWS_WITH(optim::SGD(std::vector{w, w}), Contains("got 1 twice"));
  CHECK_THROWS_WITH(optim::SGD(std::vector{w * 2.0}), Contains("which is the result of an op"));
  CHECK_THROWS_AS(optim::SGD(std::vector{Tensor()}), GraphError);
  CHECK_THROWS_AS(optim::SGD(std::vector{zeros({2}, kInt64)}), DTypeError);
  CHECK_THROWS_WITH(optim::SGD(ws, {.lr = -1}),
                    Contains("expected a finite lr of at least 0, got -1"));
  CHECK_THROWS_AS(optim::SGD(ws, {.lr = std::nan("")}), ValueError);
  CHECK_THROWS_WITH(optim::SGD(ws, {.nesterov = true}), Contains("nesterov"));
  CHECK_THROWS_WITH(optim::Adam(ws, {.beta1 = 1}), Contains("expected beta1 in [0, 1), got 1"));
  CHECK_THROWS_AS(optim::AdamW(ws, {.beta2 = -0.1}), ValueError);
  CHECK_THROWS_AS(optim::AdamW(ws, {.eps = -1}), ValueError);
  CHECK_THROWS_AS(optim::RMSprop(ws, {.alpha = 2}), ValueError);
  CHECK_THROWS_AS(optim::Adagrad(ws, {.lr_decay = -1}), ValueError);
  CHECK_THROWS_AS(optim::SGD(ws, {.weight_decay = -1}), ValueError);
  optim::SGD opt(ws);
  CHECK_THROWS_WITH(opt.add_param_group({{"1", w}}, {}), Contains("got 1 twice"));
  CHECK_THROWS_AS(opt.set_lr(0, std::nan("")), ValueError);
  CHECK(opt.group_count() == 1);
}

TEST_CASE("optim: clip_grad_norm_ scales all gradients as one vector") {
  Tensor a = zeros({2}).requires_grad_(), b = zeros({1}, kFloat64).requires_grad_(),
         none = zeros({1}).requires_grad_();
  auto reset = [&] {
    a.set_grad(tensor({3.0, 0.0}));
    b.set_grad(tensor({-4.0}, kFloat64));
  };
  reset();
  CHECK(optim::clip_grad_norm_({a, b, none}, 10) == 5);
  CHECK(a.grad().data<float>()[0] == 3);  // a norm below max_norm changes nothing
  CHECK(optim::clip_grad_norm_({a, b, none}, 1) == 5);
  CHECK(a.grad().data<float>()[0] == Approx(3 / (5 + 1e-6)));
  CHECK(b.grad().data<double>()[0] == Approx(-4 / (5 + 1e-6)));
  reset();
  optim::clip_grad_value_({a, b, none}, 3.5);
  CHECK(a.grad().data<float>()[0] == 3);
  CHECK(b.grad().data<double>()[0] == -3.5);
  CHECK_THROWS_AS(optim::clip_grad_norm_({a}, -1), ValueError);
  CHECK_THROWS_AS(optim::clip_grad_value_({a}, -1), ValueError);
  Tensor large = zeros({100000}).requires_grad_();
  large.set_grad(full({100000}, 0.01));
  CHECK(optim::clip_grad_norm_({large}, 1) == Approx(std::sqrt(100000 * 1e-4)).epsilon(1e-6));
}

TEST_CASE("optim: check_trained names a leaf that is in no optimizer") {
  models::MiniLM model({.vocab_size = 5, .n_embd = 4, .n_hidden = 6});
  Tensor loss = cross_entropy(model(tensor({0, 1})), tensor({1, 2}));
  NamedTensors some = model.named_parameters();
  optim::AdamW all(some);
  CHECK_NOTHROW(optim::check_trained(loss, {&all}));
  NamedTensors most(some.begin(), some.end() - 1), last(some.end() - 1, some.end());
  optim::AdamW first(most), second(last);
  CHECK_THROWS_WITH(optim::check_trained(loss, {&first}), Contains("head.bias float32 (5,)"));
  CHECK_NOTHROW(optim::check_trained(loss, {&first, &second}));
  CHECK_THROWS_AS(optim::check_trained(loss.detach(), {&all}), GraphError);
}

TEST_CASE("optim: a model learns one batch by heart") {
  manual_seed(3);
  models::MiniLM model({.vocab_size = 20, .n_embd = 16, .n_hidden = 32, .context = 3});
  Tensor ids = randint(0, 20, {4, 8}), targets = randint(0, 20, {4, 8});
  optim::AdamW opt(model.named_parameters(), {.lr = 1e-2});
  double loss = 0;
  for (int step = 0; step < 200; ++step) {
    Tensor l = cross_entropy(model(ids), targets);
    l.backward();
    opt.step();
    opt.zero_grad();
    loss = l.item();
  }
  CHECK(loss < 0.01);
}
