// Tests state_dict and load_state_dict: values that fit are copied, a failed load changes nothing.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Names = std::vector<std::string>;

namespace {

struct Tied : nn::Module {
  nn::Embedding embed{5, 3};
  nn::Linear head{3, 5, {.bias = false}};
  Tensor mask = zeros({3});
  explicit Tied(bool tied = true) {
    if (tied) head.weight = embed.weight;
  }
  void members(nn::Visitor& v) override {
    v("embed", embed), v("head", head), v.buffer("mask", mask);
  }
};

NamedTensors copy_of(nn::Module& m) {
  NamedTensors dict;
  for (auto& [name, x] : m.state_dict()) dict.emplace_back(name, x.detach().clone());
  return dict;
}
bool holds(nn::Module& m, const NamedTensors& dict) {
  NamedTensors own = m.state_dict();
  bool same = own.size() == dict.size();
  for (size_t i = 0; same && i < own.size(); ++i)
    same = own[i].first == dict[i].first && same_bits(own[i].second, dict[i].second);
  return same;
}

}  // namespace

TEST_CASE("a state dict shares storage, and loading copies into the existing tensors") {
  nn::Sequential a(nn::Linear(4, 3), nn::Linear(3, 2)), b(nn::Linear(4, 3), nn::Linear(3, 2));
  std::vector<Tensor> held = b.parameters();
  const NamedTensors dict = a.state_dict();
  CHECK(dict[0].second.impl() == a.parameters()[0].impl());
  nn::LoadResult result = b.load_state_dict(dict);
  CHECK((result.missing.empty() && result.unexpected.empty() && result.mismatched.empty()));
  CHECK(holds(b, dict));
  for (size_t i = 0; i < held.size(); ++i) CHECK(held[i].impl() == b.parameters()[i].impl());
  CHECK(held[0].requires_grad());
  {
    NoGradGuard unrecorded;
    held[0].fill_(7);
  }
  CHECK(values(dict[0].second)[0] != 7);
  b.load_state_dict(b.state_dict());  // its own values
  CHECK(values(held[0])[0] == 7);
}

TEST_CASE("a failed strict load lists everything in one error and changes nothing") {
  nn::Sequential m(nn::Linear(4, 3), nn::Linear(3, 2));
  const NamedTensors before = copy_of(m);
  const uint64_t version = m.parameters()[0].version();
  NamedTensors dict = {{"0.weight", full({3, 4}, 9)},
                       {"0.bias", full({4}, 9)},
                       {"1.weight", full({2, 3}, 9, kFloat64)},
                       {"2.weight", full({1}, 9)},
                       {"another", full({1}, 9)}};
  const std::string message = message_of<ValueError>([&] { m.load_state_dict(dict); });
  CHECK_THAT(message, Contains("missing: 1.bias") && Contains("unexpected: 2.weight") &&
                          Contains("unexpected: another") && Contains("mismatched: 0.bias") &&
                          Contains("(3,)") && Contains("(4,)") &&
                          Contains("mismatched: 1.weight") && Contains("float32") &&
                          Contains("float64"));
  CHECK_FALSE(message.find("0.weight") != std::string::npos);
  CHECK(holds(m, before));
  CHECK(m.parameters()[0].version() == version);
}

TEST_CASE("a load that is not strict takes what fits and returns the rest") {
  nn::Sequential m(nn::Linear(4, 3), nn::Linear(3, 2));
  nn::LoadResult r = m.load_state_dict(
      {{"0.weight", full({3, 4}, 9)}, {"0.bias", full({4}, 9)}, {"other", full({1}, 9)}},
      {.strict = false});
  CHECK(r.missing == Names{"1.bias", "1.weight"});
  CHECK(r.unexpected == Names{"other"});
  REQUIRE(r.mismatched.size() == 1);
  CHECK(r.mismatched[0].name == "0.bias");
  CHECK(values(m.parameters()[0]) == std::vector<double>(12, 9));
  CHECK(values(m.parameters()[1])[0] != 9);
}

TEST_CASE("a tied tensor loads from either name, or from both when they are equal") {
  const Tensor value = full({5, 3}, 2), mask = ones({3});
  for (const Names& given :
       {Names{"embed.weight"}, Names{"head.weight"}, Names{"embed.weight", "head.weight"}}) {
    Tied m;
    NamedTensors dict = {{"mask", mask}};
    for (const std::string& name : given) dict.emplace_back(name, value.clone());
    m.load_state_dict(dict);
    CHECK(m.head.weight.impl() == m.embed.weight.impl());
    CHECK(values(m.head.weight) == std::vector<double>(15, 2));
    CHECK(values(m.mask) == std::vector<double>(3, 1));
  }
}

TEST_CASE("different values for the two names of a tied tensor do not load") {
  Tied m;
  const NamedTensors before = copy_of(m);
  const std::string message = message_of<ValueError>([&] {
    m.load_state_dict(
        {{"mask", ones({3})}, {"embed.weight", full({5, 3}, 2)}, {"head.weight", full({5, 3}, 3)}});
  });
  CHECK_THAT(message, Contains("head.weight") && Contains("tied to embed.weight"));
  CHECK(holds(m, before));
  Tied apart(/*tied=*/false);
  apart.load_state_dict(
      {{"mask", ones({3})}, {"embed.weight", full({5, 3}, 2)}, {"head.weight", full({5, 3}, 3)}});
  CHECK(values(apart.head.weight)[0] == 3);
}

TEST_CASE("a tied tensor that is absent is reported missing under one name") {
  Tied m;
  CHECK(m.load_state_dict({}, {.strict = false}).missing == Names{"embed.weight", "mask"});
}

TEST_CASE("an undefined value and a name that occurs twice are refused") {
  nn::Linear m(2, 1, {.bias = false});
  CHECK_THAT(message_of<ValueError>([&] {
               m.load_state_dict({{"weight", Tensor()}});
             }),
             Contains("undefined"));
  CHECK_THAT(message_of<ValueError>([&] {
               m.load_state_dict({{"weight", ones({1, 2})}, {"weight", ones({1, 2})}});
             }),
             Contains("twice"));
}

TEST_CASE("values may be views") {
  nn::Linear m(2, 3, {.bias = false});
  Tensor wide = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  m.load_state_dict({{"weight", wide.t()}});
  CHECK(values(m.weight) == std::vector<double>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("a model may be loaded from its own tensors in other places") {
  struct Two : nn::Module {
    Tensor a = full({2}, 1).requires_grad_(), b = full({2}, 2).requires_grad_();
    void members(nn::Visitor& v) override { v("a", a), v("b", b); }
  } m;
  m.load_state_dict({{"a", m.b}, {"b", m.a}});
  CHECK(values(m.a)[0] == 2);
  CHECK(values(m.b)[0] == 1);
}

TEST_CASE("a model saved without its hooks, modes and gradients loads into one that has them") {
  nn::Linear a(2, 2), b(2, 2);
  int calls = 0;
  b.register_forward_hook(
      [&](nn::Module&, const Tensor&, const Tensor&) { return ++calls, Tensor(); });
  b.eval();
  b(randn({1, 2})).sum().backward();
  Tensor gradient = b.weight.grad();
  b.load_state_dict(a.state_dict());
  CHECK(b.weight.grad().impl() == gradient.impl());
  b(randn({1, 2}));
  CHECK(calls == 2);
  CHECK_FALSE(b.is_training());
}
