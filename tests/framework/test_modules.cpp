// Tests modules: walks over members, training mode, dtypes, clones, and the path in an error.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Names = std::vector<std::string>;

namespace {

struct Block : nn::Module {
  nn::Linear proj;
  nn::Dropout drop;
  explicit Block(int64_t n) : proj(n, n), drop(0.5) {}
  void members(nn::Visitor& v) override { v("proj", proj), v("drop", drop); }
  Tensor forward(const Tensor& x) override { return drop(proj(x)); }
};

// Has parameters, a buffer, a vector of children, an optional child, and a tied weight.
struct Model : nn::Module {
  nn::Embedding embed{7, 4};
  std::vector<Block> h;
  std::unique_ptr<nn::Linear> gate;
  nn::Linear head{4, 7, {.bias = false}};
  Tensor scale = ones({4}).requires_grad_(), mask = zeros({4});
  explicit Model(bool gated = false) {
    for (int i = 0; i < 2; ++i) h.emplace_back(4);
    if (gated) gate = std::make_unique<nn::Linear>(4, 4);
    head.weight = embed.weight;
  }
  void members(nn::Visitor& v) override {
    v("scale", scale), v.buffer("mask", mask);
    v("embed", embed), v("h", h), v("gate", gate), v("head", head);
  }
  Tensor forward(const Tensor& ids) override {
    Tensor x = embed(ids) * scale;
    for (Block& block : h) x = block(x);
    return head(gate ? (*gate)(x) : x);
  }
};

template <class T>
Names names(const std::vector<std::pair<std::string, T>>& named) {
  Names all;
  for (auto& [name, value] : named) all.push_back(name);
  return all;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<nn::Module> && !std::is_copy_assignable_v<nn::Module>);
static_assert(!std::is_copy_constructible_v<nn::Linear> && !std::is_copy_assignable_v<nn::Linear>);
static_assert(std::is_nothrow_move_constructible_v<nn::Module> &&
              std::is_move_constructible_v<Model>);

TEST_CASE("parameters are listed in the order of members, a tied one once, buffers apart") {
  Model m;
  CHECK(names(m.named_parameters()) == Names{"scale", "embed.weight", "h.0.proj.weight",
                                             "h.0.proj.bias", "h.1.proj.weight", "h.1.proj.bias"});
  CHECK(names(m.named_buffers()) == Names{"mask"});
  CHECK(names(m.state_dict()) == Names{"scale", "mask", "embed.weight", "h.0.proj.weight",
                                       "h.0.proj.bias", "h.1.proj.weight", "h.1.proj.bias"});
  CHECK(m.parameters().size() == 6);
  CHECK(m.buffers().size() == 1);
  CHECK(m.parameter_count() == 4 + 28 + 2 * (16 + 4));
}

TEST_CASE("modules are listed outermost first, without absent children") {
  Model m;
  CHECK(names(m.named_modules()) ==
        Names{"", "embed", "h.0", "h.0.proj", "h.0.drop", "h.1", "h.1.proj", "h.1.drop", "head"});
  CHECK(names(m.named_children()) == Names{"embed", "h.0", "h.1", "head"});
  CHECK(m.modules().front() == &m);
  CHECK(m.children().front() == &m.embed);
  CHECK(names(Model(/*gated=*/true).named_children()) ==
        Names{"embed", "h.0", "h.1", "gate", "head"});
}

TEST_CASE("a frozen parameter is still a parameter, and a module without any has none") {
  nn::Linear m(2, 3, {.bias = false});
  m.weight.requires_grad_(false);
  CHECK(names(m.named_parameters()) == Names{"weight"});
  CHECK(nn::Tanh().parameters().empty());
  CHECK(nn::Tanh().parameter_count() == 0);
}

TEST_CASE("find takes a path, and its error lists the existing paths") {
  Model m;
  CHECK(&m.find("h.1.proj") == &m.h[1].proj);
  CHECK(&m.find("") == &m);
  CHECK_THAT(message_of<ValueError>([&] { m.find("h.2"); }),
             Contains("'h.2'") && Contains("h.1.proj") && Contains("embed") && Contains("head"));
}

TEST_CASE("train and eval reach every module") {
  Model m;
  CHECK(m.is_training());
  m.eval();
  for (nn::Module* each : m.modules()) CHECK_FALSE(each->is_training());
  Tensor ids = tensor({1, 2, 3});
  CHECK(same_bits(m(ids), m(ids)));
  m.h[0].train();
  CHECK(m.h[0].drop.is_training());
  CHECK_FALSE(m.h[1].drop.is_training());
  CHECK_FALSE(same_bits(m(ids), m(ids)));
}

TEST_CASE("apply visits children before their parent") {
  Model m;
  Names order;
  m.apply([&](nn::Module& each) { order.push_back(each.describe()); });
  CHECK(order == Names{"Embedding(7, 4)", "Linear(4 -> 4)", "Dropout(0.5)", "Block",
                       "Linear(4 -> 4)", "Dropout(0.5)", "Block", "Linear(4 -> 7, no bias)",
                       "Model"});
}

TEST_CASE("zero_grad makes every gradient undefined") {
  Model m;
  m(tensor({1, 2})).sum().backward();
  for (Tensor& p : m.parameters()) CHECK(p.grad().defined());
  m.zero_grad();
  for (Tensor& p : m.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("to converts in place: ties, handles and hooks stay") {
  Model m;
  std::vector<Tensor> held = m.parameters();  // an optimizer holds parameters like this
  Tensor before = m.embed.weight.detach().clone(), mask = m.mask;
  std::vector<DType> seen;
  m.embed.weight.register_hook(
      [&](const Tensor& g) { return seen.push_back(g.dtype()), Tensor(); });
  m(tensor({1, 2})).sum().backward();
  CHECK(&m.to(kFloat64) == &m);
  CHECK(m.head.weight.impl() == m.embed.weight.impl());
  CHECK(m.mask.impl() == mask.impl());
  CHECK(mask.dtype() == kFloat64);
  for (size_t i = 0; i < held.size(); ++i) {
    CHECK(held[i].impl() == m.parameters()[i].impl());
    CHECK(held[i].dtype() == kFloat64);
    CHECK(held[i].requires_grad());
    CHECK_FALSE(held[i].grad().defined());  // a gradient of the old dtype would not fit
  }
  CHECK(same_bits(held[1], before.to(kFloat64)));
  Tensor y = m(tensor({1, 2}));
  CHECK(y.dtype() == kFloat64);
  y.sum().backward();
  CHECK(held[1].grad().dtype() == kFloat64);
  CHECK(seen == std::vector<DType>{kFloat32, kFloat64});
  m.to(kBFloat16);
  CHECK(m(tensor({1, 2})).dtype() == kBFloat16);
  CHECK_THAT(message_of<DTypeError>([&] { m.to(kInt64); }), Contains("int64"));
}

TEST_CASE("to does not convert integer buffers") {
  struct Counter : nn::Module {
    Tensor count = zeros({1}, kInt64), scale = ones({1}).requires_grad_();
    void members(nn::Visitor& v) override { v.buffer("count", count), v("scale", scale); }
  } m;
  m.to(kFloat64);
  CHECK(m.count.dtype() == kInt64);
  CHECK(m.scale.dtype() == kFloat64);
}

TEST_CASE("clone is deep, keeps ties, modes and frozen parameters, and draws nothing") {
  Model m(/*gated=*/true);
  m.h[1].eval();
  m.scale.requires_grad_(false);
  manual_seed(3);
  const uint64_t position = default_generator().position();
  Model copy = nn::clone(m, /*gated=*/true);
  CHECK(default_generator().position() == position);
  CHECK(default_generator().seed() == 3);
  CHECK(copy.head.weight.impl() == copy.embed.weight.impl());
  CHECK(copy.embed.weight.impl() != m.embed.weight.impl());
  CHECK_FALSE(copy.h[1].drop.is_training());
  CHECK(copy.h[0].is_training());
  CHECK_FALSE(copy.scale.requires_grad());
  CHECK(copy.gate->weight.requires_grad());
  NamedTensors a = m.state_dict(), b = copy.state_dict();
  REQUIRE(names(a) == names(b));
  for (size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i].second, b[i].second));
  {
    NoGradGuard unrecorded;
    for (auto& [name, x] : b) x.fill_(9);
  }
  for (auto& [name, x] : a) CHECK(values(x)[0] != 9);
  m.to(kFloat64);
  Model wide = nn::clone(m, /*gated=*/true);
  CHECK(wide.embed.weight.dtype() == kFloat64);
  CHECK_THAT(message_of<ValueError>([&] { nn::clone(m, /*gated=*/false); }),
             Contains("same arguments"));
}

TEST_CASE("an error names every module that it passes through") {
  models::MiniLM lm({.vocab_size = 5, .n_embd = 8, .n_hidden = 32});
  struct Wrong : nn::Module {  // like a MiniLM with an embedding too narrow for its hidden layer
    nn::Embedding embed{5, 7};
    nn::Linear hidden{8, 32};
    void members(nn::Visitor& v) override { v("embed", embed), v("hidden", hidden); }
    Tensor forward(const Tensor& ids) override { return hidden(embed(ids)); }
    std::string describe() const override { return "MiniLM"; }
  } m;
  CHECK(message_of<ShapeError>([&] {
          m(tensor({0, 1}));
        }) ==
        "linear: expected 8 features for weight (32, 8), got 7 in x (2, 7)\n"
        "  in hidden: Linear(8 -> 32)\n"
        "  in MiniLM");
}

TEST_CASE("the path of a module is its path in the model that runs") {
  nn::Linear layer(4, 4);
  layer(randn({2, 4}));  // in this call, the layer is the root
  nn::Sequential model(std::move(layer), nn::Tanh());
  CHECK_THAT(message_of<ShapeError>([&] {
               model(randn({2, 3}));
             }),
             Contains("  in 0: Linear(4 -> 4)\n  in Sequential"));
  Tensor y = model(randn({2, 4}));
  CHECK(interned(y.grad_fn()->path) == "1");
  CHECK(interned(y.grad_fn()->inputs[0]->path) == "0");
  CHECK(interned(model.parameters()[0].impl()->node->path) == "0.weight");

  struct Pair : nn::Module {
    nn::Linear a{4, 4}, b{4, 4};
    void members(nn::Visitor& v) override { v("a", a), v("b", b); }
    Tensor forward(const Tensor& x) override { return b(a(x)); }
  } pair;
  pair(randn({2, 4}));
  nn::Linear other(4, 4);
  other(randn({2, 4}));
  pair.b = std::move(other);  // `other` has run as a root before
  CHECK(interned(pair(randn({2, 4})).grad_fn()->path) == "b");
  CHECK(interned(pair.a(randn({2, 4})).grad_fn()->path) == "a");  // it keeps its path in `pair`
}

TEST_CASE("ops in a module are recorded with its path, later ops are not") {
  nn::Sequential model(nn::Linear(2, 2));
  Tensor y = model(randn({1, 2})), z = y * 2.0;
  CHECK(interned(y.grad_fn()->path) == "0");
  CHECK(z.grad_fn()->path == 0);
  Tensor w = model.find("0")(randn({1, 2}));
  CHECK(interned(w.grad_fn()->path) == "0");
}

TEST_CASE("a module without a forward of one tensor says so") {
  nn::ModuleList list(nn::Linear(2, 2), nn::Tanh());
  CHECK(list.size() == 2);
  CHECK(names(list.named_modules()) == Names{"", "0", "1"});
  CHECK_THAT(message_of<ValueError>([&] {
               list(randn({1, 2}));
             }),
             Contains("ModuleList") && Contains("operator()"));
  CHECK_THROWS_AS(list[2], std::out_of_range);
}

TEST_CASE("the empty Sequential is the identity, and Sequentials nest") {
  Tensor x = randn({2, 4});
  CHECK(nn::Sequential()(x).impl() == x.impl());
  nn::Sequential model(nn::Linear(4, 3), nn::Sequential(nn::Tanh(), nn::Linear(3, 2)));
  CHECK(names(model.named_parameters()) == Names{"0.weight", "0.bias", "1.1.weight", "1.1.bias"});
  CHECK(model(x).shape() == Shape{2, 2});
}

TEST_CASE("summary lists shapes, parameters and, with an example, multiplications") {
  models::MiniLM m({.vocab_size = 10, .n_embd = 8, .n_hidden = 32, .context = 2});
  const std::string plain = m.summary();
  CHECK_THAT(plain, Contains("MiniLM(context 2, n_embd 8, n_hidden 32, gelu, vocabulary 10)\n") &&
                        Contains("embed: Embedding(10, 8)") && Contains("weight (10, 8)") &&
                        Contains("hidden: Linear(16 -> 32)") && Contains("bias (32,)") &&
                        Contains("parameters  954\n") && !Contains("MACs  "));
  const std::string counted = m.summary(zeros({3, 5}, kInt64));
  CHECK_THAT(counted, Contains("7,680\n") && Contains("4,800\n") &&
                          Contains("MACs        12,480 for input (3, 5)"));
  for (nn::Module* each : m.modules()) CHECK_FALSE(each->is_hooked());
}

TEST_CASE("summary counts a tied tensor once, and indents a list's elements") {
  Model m;
  const std::string text = m.summary();
  CHECK_THAT(text, Contains("weight (7, 4) = embed.weight") && Contains("h.0: ") &&
                       Contains("\n  proj: Linear(4 -> 4)") && Contains("h.1: as h.0") &&
                       Contains("parameters  72\n"));
  CHECK(m.parameter_count() == 72);  // 4, 28 and 2 (16 + 4); the mask is a buffer
}

TEST_CASE("summary changes neither the model nor the random numbers that follow") {
  Model m;
  manual_seed(11);
  const uint64_t position = default_generator().position();
  m.summary(tensor({1, 2, 3}));
  CHECK(default_generator().position() == position);
  CHECK(m.is_training());
  CHECK(grad_enabled());
}

TEST_CASE("layers describe themselves") {
  CHECK(nn::Linear(8, 32).describe() == "Linear(8 -> 32)");
  CHECK(nn::Linear(8, 32, {.bias = false}).describe() == "Linear(8 -> 32, no bias)");
  CHECK(nn::Embedding(5, 3).describe() == "Embedding(5, 3)");
  CHECK(nn::Dropout(0.25).describe() == "Dropout(0.25)");
  CHECK(nn::Tanh().describe() == "Tanh");
  CHECK(models::MiniLM({.vocab_size = 3}).describe() ==
        "MiniLM(context 1, n_embd 64, n_hidden 256, gelu, vocabulary 3)");
}
