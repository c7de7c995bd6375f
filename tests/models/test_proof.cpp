// Tests that the proof accepts every clean model, and finds and names every planted fault.
#include <catch2/catch.hpp>

#include <limits>

#include "models/proof/verify.h"
#include "tests/support/proof_models.h"
#include "vitro.h"

using namespace vitro;
using Catch::Matchers::Contains;
using proof::Planted;
using proof::Report;

namespace {

Report proved(const testing::Proved& subject, const std::optional<Planted>& fault = {}) {
  return proof::verify(*subject.model, subject.input,
                       {.targets = subject.targets, .planted = fault});
}

double fault_of(DType dtype) { return dtype == kBFloat16 ? 1.03 : 1.001; }

}  // namespace

TEST_CASE("proof: a clean model agrees, whatever its configuration, seed and dtype", "[slow]") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const testing::Proved subject = testing::drawn_model(seed);
    const Report report = proved(subject);
    INFO(seed << ": " << subject.name << '\n' << proof::to_text(report, {.detail = true}));
    REQUIRE(report.agrees());
    for (const proof::ModuleRow& row : report.modules) {
      CHECK(row.agrees);
      CHECK_FALSE(row.is_replayed);
    }
  }
}

TEST_CASE("proof: a fault in any module, forward or backward, is found and named", "[slow]") {
  for (const testing::Proved& subject : testing::proved_models()) {
    const double factor = fault_of(subject.model->parameters().at(0).dtype());
    std::vector<std::string> paths = nn::run_with_cache(*subject.model, subject.input).names();
    paths.push_back("");
    for (const std::string& path : paths) {
      if (path.ends_with("attn_dropout")) continue;  // the fused kernel has its own dropout
      for (const bool backward : {false, true}) {
        const Report report = proved(subject, Planted{path, backward, factor});
        INFO(subject.name << ": " << path << (backward ? " backward\n" : " forward\n")
                          << proof::to_text(report, {.detail = true}));
        REQUIRE(report.first);
        CHECK(report.first->path == path);
        const std::string& what = report.first->what;
        CHECK((what.find("dL/d") == 0) == backward);
      }
    }
  }
}

namespace {

// y = x + g tanh(inner(x)), with a number g for each feature, and a list inside.
struct Gated : nn::Module {
  nn::ModuleList layers;
  nn::Parameter g;
  explicit Gated(int64_t width) : g(randn({width})) {
    layers.push_back(nn::Linear(width, width));
    layers.push_back(nn::LayerNorm(width));
  }
  void members(nn::Visitor& v) override { v("layers", layers), v("g", g); }
  Tensor forward(const Tensor& x) override {
    const Tensor a = layers[0](layers[1](x)), b = layers[0](x);  // one module, called twice
    return x + g * tanh(a) + b;
  }
};

// A model of a user's modules, one inside another.
struct Outer : nn::Module {
  nn::Linear in{5, 6};
  Gated gated{6};
  nn::Linear out{6, 3};
  void members(nn::Visitor& v) override { v("in", in), v("gated", gated), v("out", out); }
  Tensor forward(const Tensor& x) override { return out(gated(in(x))); }
};

proof::Array gated_by_hand(Gated& m, proof::Hand& hand, const proof::Array& x) {
  const proof::Array a = hand(m.layers[0], hand(m.layers[1], x)), b = hand(m.layers[0], x);
  const std::vector<double> g = hand.numbers(m.g);
  proof::Array y = x;
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t i = 0; i < x.width(); ++i)
      y.row(row)[i] += g[static_cast<size_t>(i)] * std::tanh(a.row(row)[i]) + b.row(row)[i];
  return y;
}
proof::Array wrong_by_hand(Gated& m, proof::Hand& hand, const proof::Array& x) {
  proof::Array y = gated_by_hand(m, hand, x);
  y.value[3] *= 1.001;
  return y;
}

testing::Proved outer_model(DType dtype) {
  manual_seed(4);
  testing::Proved subject{.name = "Outer", .model = std::make_unique<Outer>()};
  subject.model->to(dtype);
  subject.input = randn({4, 5}).to(dtype);
  return subject;
}

// A class of its own for each registration, because the registry has no way back.
template <int kind>
struct Registered : Gated {
  using Gated::Gated;
};

}  // namespace

TEST_CASE("proof: a user's modules are replayed, and faults in them and through them are named") {
  for (const DType dtype : {kFloat32, kBFloat16, kFloat64}) {
    const testing::Proved subject = outer_model(dtype);
    const Report clean = proved(subject);
    INFO(proof::to_text(clean, {.detail = true}));
    CHECK(clean.agrees());
    for (const proof::ModuleRow& row : clean.modules)
      CHECK(row.is_replayed == (row.path.empty() || row.path == "gated"));
    for (const char* path : {"", "in", "gated", "gated.layers.0", "gated.layers.1", "out"})
      for (const bool backward : {false, true}) {
        const Report report = proved(subject, Planted{path, backward, fault_of(dtype)});
        INFO(dtype << ' ' << path << (backward ? " backward\n" : " forward\n")
                   << proof::to_text(report, {.detail = true}));
        REQUIRE(report.first);
        CHECK(report.first->path == path);
      }
  }
}

TEST_CASE("proof: by_hand registers a user's function, which is used and checked") {
  manual_seed(6);
  using Right = Registered<1>;
  using Wrong = Registered<2>;
  proof::by_hand<Right>("y = x + g tanh(inner(x)) + inner(x)", gated_by_hand);
  proof::by_hand<Wrong>("y = x + g tanh(inner(x)) + inner(x)", wrong_by_hand);
  nn::Sequential right(nn::Linear(5, 6), Right(6)), wrong(nn::Linear(5, 6), Wrong(6));
  const Tensor x = randn({4, 5});
  const Report agrees = proof::verify(right, x);
  INFO(proof::to_text(agrees));
  CHECK(agrees.agrees());
  CHECK_FALSE(agrees.modules[2].is_replayed);
  CHECK(agrees.modules[2].formula == "y = x + g tanh(inner(x)) + inner(x)");
  const Report differs = proof::verify(wrong, x);
  REQUIRE(differs.first);
  CHECK(differs.first->path == "1");
  CHECK(differs.first->what == "output");
  CHECK(differs.first->index == std::vector<int64_t>{0, 3});
  for (const char* path : {"1", "1.layers.0", "1.layers.1"})
    for (const bool backward : {false, true}) {
      const Report report = proof::verify(right, x, {.planted = Planted{path, backward, 1.001}});
      REQUIRE(report.first);
      CHECK(report.first->path == path);
    }
}

TEST_CASE("proof: the first module that makes a NaN or an infinity is named") {
  const std::vector<testing::Proved> all = testing::proved_models();
  const testing::Proved& subject = all[0];
  auto& gpt = dynamic_cast<models::GPT&>(*subject.model);
  {
    NoGradGuard unrecorded;
    gpt.h[1].mlp.c_fc.bias.select(0, 3).fill_(std::numeric_limits<double>::quiet_NaN());
  }
  const Report report = proved(subject);
  REQUIRE(report.first);
  CHECK(report.first->path == "h.1.mlp.c_fc");
  CHECK_THAT(report.first->reason, Contains("first module that makes NaN"));
  CHECK(report.first->index == std::vector<int64_t>{0, 0, 3});
}

TEST_CASE("proof: a model that cannot be computed by hand is named, and misuse is refused") {
  struct TwoInputs : nn::Module {
    using Module::operator();
    Tensor operator()(const Tensor& x, double factor) {
      return call(x, [&](const Tensor& in) { return in * factor; });
    }
  };
  struct Caller : nn::Module {
    nn::Linear in{3, 3};
    TwoInputs two;
    void members(nn::Visitor& v) override { v("in", in), v("two", two); }
    Tensor forward(const Tensor& x) override { return two(in(x), 2.0); }
  } model;
  const Report report = proof::verify(model, randn({2, 3}));
  REQUIRE(report.first);
  CHECK(report.first->path == "two");
  CHECK_THAT(report.first->reason, Contains("forward"));
  CHECK_THROWS_WITH(proof::verify(model, randn({2, 3}), {.planted = Planted{"nothing", false, 2}}),
                    Contains("nothing"));
}

TEST_CASE("proof: the model, its gradients and its mode stay as they were") {
  const testing::Proved subject = testing::drawn_model(3);
  nn::Module& model = *subject.model;
  model.train();
  model.modules().back()->eval();  // one module has a mode of its own
  std::vector<Tensor> before;
  for (Tensor& parameter : model.parameters()) {
    parameter.set_grad(ones(parameter.shape(), parameter.dtype()));
    before.push_back(parameter);
  }
  proved(subject);
  const std::vector<Tensor> after = model.parameters();
  REQUIRE(after.size() == before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].impl() == before[i].impl());
    CHECK(equal(after[i].grad(), ones(after[i].shape(), after[i].dtype())));
  }
  CHECK(model.is_training());
  CHECK_FALSE(model.modules().back()->is_training());
  for (const nn::Module* module : model.modules()) CHECK_FALSE(module->is_hooked());
}
