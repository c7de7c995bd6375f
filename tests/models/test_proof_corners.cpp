// Tests of the proof at the corners: unusual modules, inputs, targets and callers.
#include <catch2/catch.hpp>
#include <cmath>

#include "models/proof/cell.h"
#include "models/proof/verify.h"
#include "tests/support/proof_models.h"
#include "vitro.h"

using namespace vitro;
using Catch::Matchers::Contains;
using proof::Planted;
using proof::Report;

namespace {

// A module whose forward is a function of its two Linears.
struct Two : nn::Module {
  using Forward = std::function<Tensor(Two&, const Tensor&)>;
  nn::Linear a{4, 4}, b{4, 4};
  nn::Parameter scale = ones({}) * 0.5, unused = ones({3});
  nn::Dropout drop{0.5};
  Tensor count = zeros({1});
  Forward run;
  explicit Two(Forward forward) : run(std::move(forward)) {}
  void members(nn::Visitor& v) override {
    v("a", a), v("b", b), v("scale", scale), v("unused", unused), v("drop", drop);
    v.buffer("count", count);
  }
  Tensor forward(const Tensor& x) override { return run(*this, x); }
};

Report report_of(Two::Forward forward, uint64_t seed = 1, DType dtype = kFloat32,
                 const std::optional<Planted>& fault = {}) {
  manual_seed(seed);
  Two model(std::move(forward));
  model.to(dtype);
  Report report = proof::verify(model, randn({3, 4}).to(dtype), {.seed = seed, .planted = fault});
  report.trace = {};  // it refers to the model
  return report;
}

}  // namespace

TEST_CASE("proof: modules of every form agree with their replay") {
  const std::pair<const char*, Two::Forward> forms[] = {
      {"residual with a learned scalar",
       [](Two& m, const Tensor& x) { return x + m.scale * m.a(x); }},
      {"shared", [](Two& m, const Tensor& x) { return m.a(m.a(m.a(x))); }},
      {"detached input", [](Two& m, const Tensor& x) { return x + m.a(x.detach()); }},
      {"detached output", [](Two& m, const Tensor& x) { return m.a(x).detach() + m.b(x); }},
      {"constant input",
       [](Two& m, const Tensor& x) {
         return m.a(ones({3, 4}, x.dtype())) + x;
       }},
      {"dropout", [](Two& m, const Tensor& x) { return m.drop(m.a(x)); }},
      {"its mode", [](Two& m, const Tensor& x) { return dropout(m.a(x), 0.5, m.is_training()); }},
      {"cancelling", [](Two& m, const Tensor& x) { return (m.a(x) + 100) - 100; }},
      {"input returned", [](Two&, const Tensor& x) { return x; }},
      {"variance",
       [](Two& m, const Tensor& x) {
         const Tensor y = m.a(x), mean = y.mean(-1, true);
         return (y * y).mean(-1, true) - mean * mean;
       }},
      {"attention of its own",
       [](Two& m, const Tensor& x) {
         return matmul(softmax(matmul(m.a(x) * 3, m.b(x).t()), -1), x);
       }},
      {"shift before a softmax",
       [](Two& m, const Tensor& x) { return softmax(m.a(x) + m.scale, -1); }}};
  for (const auto& [name, forward] : forms)
    for (const DType dtype : {kFloat32, kBFloat16, kFloat64})
      for (uint64_t seed = 0; seed < 10; ++seed) {
        if (dtype == kBFloat16 && std::string(name) == "cancelling") continue;  // nothing is left
        const Report report = report_of(forward, seed, dtype);
        INFO(name << ' ' << dtype << ' ' << seed << '\n'
                  << proof::to_text(report, {.detail = true}));
        CHECK(report.agrees());
      }
  // A fault in such a module is found all the same.
  const Report report = report_of(forms[0].second, 1, kFloat32, Planted{"a", true, 1.001});
  REQUIRE(report.first);
  CHECK(report.first->path == "a");
}

TEST_CASE("proof: what cannot be replayed in float64 is said to be not proved") {
  const Report report = report_of([](Two& m, const Tensor& x) { return m.a(x) + ones({4}); });
  REQUIRE(report.first);
  CHECK(report.first->what == proof::kNotComputed);
  CHECK_THAT(report.first->reason, Contains("x.dtype()"));
  CHECK_THAT(proof::to_text(report), Catch::Matchers::StartsWith("Not proved: "));
}

TEST_CASE("proof: a module inside many others is replayed as often as it has ancestors") {
  static int64_t calls;
  struct Chain : nn::Module {
    std::unique_ptr<nn::Module> inner;
    nn::Parameter w = ones({3});
    void members(nn::Visitor& v) override { v("w", w), v("inner", inner); }
    Tensor forward(const Tensor& x) override { return ++calls, inner ? (*inner)(x * w) : x * w; }
  };
  auto chain = std::make_unique<Chain>();
  constexpr int64_t kDepth = 12;
  for (int64_t i = 1; i < kDepth; ++i) {
    auto outer = std::make_unique<Chain>();
    outer->inner = std::move(chain);
    chain = std::move(outer);
  }
  calls = 0;
  CHECK(proof::verify(*chain, randn({2, 3})).agrees());
  CHECK(calls < 10 * kDepth * kDepth);
}

TEST_CASE("proof: roots without a formula, empty inputs, and callers that record nothing") {
  nn::Identity identity;
  nn::Dropout dropout(0.5);
  nn::Sequential empty;
  for (nn::Module* root : {static_cast<nn::Module*>(&identity), static_cast<nn::Module*>(&dropout),
                           static_cast<nn::Module*>(&empty)})
    CHECK(proof::verify(*root, randn({2, 3})).agrees());
  nn::Linear linear(4, 3);
  const Report none = proof::verify(linear, zeros({0, 4}));
  CHECK(none.agrees());
  CHECK_FALSE(proof::to_text(none).empty());
  NoGradGuard unrecorded;
  CHECK(proof::verify(linear, randn({2, 4})).agrees());
  Tensor bad = randn({2, 4});
  bad.select(0, 1).select(0, 2).fill_(std::nan(""));
  const Report report = proof::verify(linear, bad);
  REQUIRE(report.first);
  CHECK(report.first->what == "input");
  CHECK(report.first->index == std::vector<int64_t>{1, 2});
}

TEST_CASE("proof: ids of one text, targets that are left out, frozen and tied parameters") {
  manual_seed(2);
  models::GPT gpt({.block_size = 8, .vocab_size = 20, .n_layer = 1, .n_head = 2, .n_embd = 8});
  const Tensor ids = randint(0, 20, {8}), targets = randint(0, 20, {8});
  CHECK(proof::verify(gpt, ids, {.targets = targets}).agrees());
  const Tensor some = tensor({{1, 2, -100, 4, -100, 6, 7, -100}}, kInt64);
  const Tensor batch = unsqueeze(ids, 0);
  const Report report = proof::verify(gpt, batch, {.targets = some});
  INFO(proof::to_text(report, {.detail = true}));
  CHECK(report.agrees());
  CHECK_THROWS_AS(proof::worked_cell(report.trace, "loss", {0, 2}), ValueError);
  gpt.wte.weight.requires_grad_(false);
  CHECK(proof::verify(gpt, batch, {.targets = targets.reshape({1, 8})}).agrees());
}

TEST_CASE("proof: finite differences pass corners by, and find a wrong gradient by hand") {
  nn::Sequential corners(nn::Linear(3, 4), nn::ReLU());
  {
    NoGradGuard unrecorded;
    for (Tensor& parameter : corners.parameters()) parameter.zero_();
  }
  CHECK(proof::verify(corners, randn({2, 3})).agrees());

  // The function by hand and the module have the same wrong gradient, so only the finite difference
  // can tell.
  struct Wrong : nn::Module {
    nn::Parameter w = ones({3}) * 2;
    void members(nn::Visitor& v) override { v("w", w); }
    Tensor forward(const Tensor& x) override { return x * w + (x * w - (x * w).detach()); }
  };
  proof::by_hand<Wrong>(
      "y = w x",
      [](Wrong& m, proof::Hand& hand, const proof::Array& x) {
        proof::Array y = x;
        const std::vector<double> w = hand.numbers(m.w);
        for (size_t i = 0; i < y.value.size(); ++i) y.value[i] *= w[i % 3];
        return y;
      },
      [](Wrong& m, proof::Hand& hand, const proof::Array& x, const proof::Array& dy) {
        proof::Array dx = dy, dw = proof::zeros_array({3}, false);
        const std::vector<double> w = hand.numbers(m.w);
        for (size_t i = 0; i < dx.value.size(); ++i) {
          dw.value[i % 3] += 2 * dy.value[i] * x.value[i];
          dx.value[i] *= 2 * w[i % 3];
        }
        hand.gradient(m.w, dw);
        return dx;
      });
  Wrong wrong;
  const Report report = proof::verify(wrong, randn({2, 3}));
  REQUIRE(report.first);
  CHECK(report.first->what == "gradient by hand");
  CHECK_THAT(report.first->reason, Contains("finite difference"));
}

TEST_CASE("proof: a module that computes otherwise without hooks is found by the plain run") {
  struct Fickle : nn::Module {
    nn::Parameter w = ones({4}) * 2;
    void members(nn::Visitor& v) override { v("w", w); }
    Tensor forward(const Tensor& x) override { return x * w * (is_hooked() ? 1.0 : 1.001); }
  };
  const auto times = [](proof::Array x, const proof::Array& other) {
    for (size_t i = 0; i < x.value.size(); ++i) x.value[i] *= other.value[i % other.value.size()];
    return x;
  };
  proof::by_hand<Fickle>(
      "y = w x",
      [times](Fickle& m, proof::Hand& hand, const proof::Array& x) {
        return times(x, {.shape = {4}, .value = hand.numbers(m.w)});
      },
      [times](Fickle& m, proof::Hand& hand, const proof::Array& x, const proof::Array& dy) {
        const proof::Array each = times(dy, x);
        proof::Array dw = proof::zeros_array({4}, /*with_sizes=*/false);
        for (size_t i = 0; i < each.value.size(); ++i) dw.value[i % 4] += each.value[i];
        hand.gradient(m.w, dw);
        return times(dy, proof::array_of(m.w));
      });
  manual_seed(3);
  nn::Sequential model{nn::Linear(3, 4), Fickle(), nn::Linear(4, 2)};
  const Report report = proof::verify(model, randn({2, 3}));
  REQUIRE(report.first);
  CHECK_THAT(report.first->reason, Contains("without hooks"));
}

TEST_CASE("proof: functions by hand that return nonsense, and buffers") {
  struct Short : nn::Module {
    nn::Linear a{3, 3};
    void members(nn::Visitor& v) override { v("a", a); }
    Tensor forward(const Tensor& x) override { return a(x); }
  } model;
  proof::by_hand<Short>("y = a(x)", [](Short&, proof::Hand&, const proof::Array& x) {
    return proof::Array{.shape = x.shape};
  });
  const Report report = proof::verify(model, randn({2, 3}));
  REQUIRE(report.first);
  CHECK_THAT(report.first->reason, Contains("with 6 numbers"));

  Two counts([](Two& m, const Tensor& x) {
    NoGradGuard unrecorded;
    m.count.add_(1);
    return m.a(x);
  });
  proof::verify(counts, randn({2, 4}));
  CHECK(counts.count.item() == 0);
}

TEST_CASE("proof: separate queries, keys and values, whose key bias has no gradient") {
  struct Heads : nn::Module {
    nn::Linear q{8, 8}, k{8, 8}, v{8, 8};
    void members(nn::Visitor& visitor) override {
      visitor("q", q), visitor("k", k), visitor("v", v);
    }
    Tensor forward(const Tensor& x) override {
      const auto heads = [](const Tensor& y) { return y.reshape({2, 5, 2, 4}).transpose(1, 2); };
      return scaled_dot_product_attention(heads(q(x)), heads(k(x)), heads(v(x)));
    }
  };
  for (uint64_t seed = 0; seed < 5; ++seed) {
    manual_seed(seed);
    Heads model;
    const Report report = proof::verify(model, randn({2, 5, 8}));
    INFO(proof::to_text(report, {.detail = true}));
    CHECK(report.agrees());
  }
}
