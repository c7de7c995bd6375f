// Tests MiniLM against plain loops, its gradients against finite differences, and its errors.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using models::MiniLM;
using models::MiniLMConfig;

namespace {

constexpr Activation kActivations[] = {
    Activation::kNone, Activation::kRelu,     Activation::kTanh, Activation::kSigmoid,
    Activation::kGelu, Activation::kGeluTanh, Activation::kSilu};

double activation(Activation f, double x) {
  const double pi = std::acos(-1.0);
  switch (f) {
    case Activation::kNone: return x;
    case Activation::kRelu: return std::max(x, 0.0);
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kGelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return x * 0.5 * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu: return x / (1 + std::exp(-x));
  }
  return 0;
}

// Computes the model by hand: W2 f(W1 [e_(t-k+1) ... e_t] + b1) + b2 for each position t of one row
// of ids.
std::vector<double> by_hand(MiniLM& m, const std::vector<int64_t>& ids) {
  const auto E = static_cast<size_t>(m.config.n_embd), H = static_cast<size_t>(m.config.n_hidden);
  const auto V = static_cast<size_t>(m.config.vocab_size),
             K = static_cast<size_t>(m.config.context);
  const std::vector<double> e = values(m.embed.weight), w1 = values(m.hidden.weight),
                            b1 = values(m.hidden.bias);
  const std::vector<double> w2 = values(m.head.weight), b2 = values(m.head.bias);
  std::vector<double> logits;
  for (size_t t = 0; t < ids.size(); ++t) {
    std::vector<double> x(K * E, 0.0), h(H);
    for (size_t k = 0; k < K; ++k)
      if (t + k + 1 >= K)
        for (size_t j = 0; j < E; ++j)
          x[k * E + j] = e[static_cast<size_t>(ids[t + k + 1 - K]) * E + j];
    for (size_t i = 0; i < H; ++i) {
      h[i] = b1[i];
      for (size_t j = 0; j < K * E; ++j) h[i] += w1[i * K * E + j] * x[j];
      h[i] = activation(m.config.activation, h[i]);
    }
    for (size_t v = 0; v < V; ++v) {
      double y = b2[v];
      for (size_t i = 0; i < H; ++i) y += w2[v * H + i] * h[i];
      logits.push_back(y);
    }
  }
  return logits;
}

double largest_error(const Tensor& logits, const std::vector<double>& expected) {
  const std::vector<double> got = values(logits);
  double most = got.size() == expected.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
    most = std::max(most, std::abs(got[i] - expected[i]));
  return most;
}

}  // namespace

TEST_CASE("logits equal the result of plain loops, in every dtype, context and activation") {
  manual_seed(1);
  const int64_t context = GENERATE(1, 3);
  for (Activation f : kActivations) {
    const MiniLMConfig config{
        .vocab_size = 7, .n_embd = 6, .n_hidden = 10, .context = context, .activation = f};
    MiniLM m(config);
    const std::vector<int64_t> ids = {3, 0, 6, 6, 1};
    CAPTURE(context, static_cast<int>(f));
    CHECK(m(from_span(std::span(ids))).shape() == Shape{5, 7});
    CHECK(largest_error(m(from_span(std::span(ids))), by_hand(m, ids)) < 1e-5);
    MiniLM wide = nn::clone(m, config);
    wide.to(kFloat64);
    CHECK(largest_error(wide(from_span(std::span(ids))), by_hand(m, ids)) < 1e-13);
    MiniLM narrow = nn::clone(m, config);
    narrow.to(kBFloat16);
    CHECK(largest_error(narrow(from_span(std::span(ids))), by_hand(narrow, ids)) < 3e-2);
  }
}

TEST_CASE("logits agree under no-grad, in batches, and where oneDNN multiplies") {
  manual_seed(2);
  const MiniLMConfig config{.vocab_size = 50, .n_embd = 32, .n_hidden = 200, .context = 2};
  MiniLM m(config);
  Tensor ids = randint(0, 50, {4, 40}), logits = m(ids);  // 160 x 64 x 200 products
  CHECK(logits.shape() == Shape{4, 40, 50});
  for (int64_t row = 0; row < 4; ++row) {
    Tensor one = ids[row];
    CHECK(largest_error(logits[row], by_hand(m, {one.data<int64_t>(), one.data<int64_t>() + 40})) <
          1e-4);
  }
  NoGradGuard unrecorded;
  CHECK(max_difference(m(ids), logits) < 1e-5);
}

TEST_CASE("logits do not depend on later tokens, nor on tokens before the context") {
  MiniLM m({.vocab_size = 9, .n_embd = 4, .n_hidden = 8, .context = 3});
  Tensor a = m(tensor({1, 2, 3, 4, 5})), b = m(tensor({1, 2, 3, 8, 5})),
         c = m(tensor({7, 2, 3, 4, 5}));
  CHECK(max_difference(a.slice(0, 0, 3), b.slice(0, 0, 3)) == 0);
  CHECK(max_difference(a[3], b[3]) > 0);
  CHECK(max_difference(a.slice(0, 3, 5), c.slice(0, 3, 5)) == 0);
  CHECK(max_difference(a[2], c[2]) > 0);
}

TEST_CASE("the gradients of every parameter equal finite differences") {
  manual_seed(3);
  const int64_t context = GENERATE(1, 3);
  for (Activation f : kActivations) {
    MiniLM m({.vocab_size = 5, .n_embd = 3, .n_hidden = 4, .context = context, .activation = f});
    m.to(kFloat64);
    Tensor ids = tensor({{0, 3, 3}, {1, 4, 0}}), targets = tensor({{3, 3, 1}, {4, 0, 2}});
    auto loss = [&] { return cross_entropy(m(ids), targets); };
    loss().backward();
    for (auto& [name, parameter] : m.named_parameters()) {
      const Tensor p = parameter;
      const std::vector<double> gradient = values(p.grad());
      NoGradGuard unrecorded;
      for (int64_t i = 0; i < p.numel(); ++i) {
        const double x = p.data<double>()[i], h = 1e-6;
        auto at = [&](double v) { return p.mutable_data<double>()[i] = v, loss().item(); };
        const double slope = (at(x + h) - at(x - h)) / (2 * h);
        p.mutable_data<double>()[i] = x;
        CAPTURE(name, i, context, static_cast<int>(f));
        CHECK(gradient[static_cast<size_t>(i)] == Approx(slope).epsilon(1e-6).margin(1e-8));
      }
    }
  }
}

TEST_CASE("f32 gradients equal the gradients of the f64 clone") {
  manual_seed(4);
  const MiniLMConfig config{.vocab_size = 40, .n_embd = 32, .n_hidden = 128, .context = 2};
  MiniLM m(config), wide = nn::clone(m, config);
  wide.to(kFloat64);
  Tensor ids = randint(0, 40, {8, 32}), targets = randint(0, 40, {8, 32});
  cross_entropy(m(ids), targets).backward();
  cross_entropy(wide(ids), targets).backward();
  for (size_t i = 0; i < m.parameters().size(); ++i) {
    Tensor g = wide.parameters()[i].grad(), d = m.parameters()[i].grad().to(kFloat64) - g;
    CHECK(std::sqrt((d * d).sum().item() / (g * g).sum().item()) < 1e-5);
  }
}

TEST_CASE("the activations between the layers can be read and replaced") {
  MiniLM m({.vocab_size = 5, .n_embd = 3, .n_hidden = 4});
  Tensor seen, ids = tensor({0, 1, 2});
  {
    nn::ScopedHook hook(
        m.hook_post.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
          seen = y;
          return zeros_like(y);
        }));
    CHECK(max_difference(m(ids), m.head.bias.expand({3, 5})) < 1e-6);
  }
  CHECK(max_difference(seen, gelu(m.hidden(m.embed(ids)))) < 1e-6);
}

TEST_CASE("parameters have the names of the layers") {
  MiniLM m({.vocab_size = 5, .n_embd = 3, .n_hidden = 4, .context = 2});
  std::vector<std::string> names;
  for (auto& [name, p] : m.named_parameters()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"embed.weight", "hidden.weight", "hidden.bias",
                                          "head.weight", "head.bias"});
  CHECK(m.parameter_count() == 15 + 28 + 25);
}

TEST_CASE("an id outside the vocabulary is an error that names the id and the module") {
  MiniLM m({.vocab_size = 5, .n_embd = 3, .n_hidden = 4});
  for (int64_t id : {int64_t{5}, int64_t{-1}, int64_t{1} << 40})
    CHECK_THAT(message_of<ShapeError>([&] {
                 m(tensor({0, 1, id}));
               }),
               Contains("[0, 5)") && Contains(std::to_string(id)) && Contains("position 2") &&
                   Contains("\n  in embed: Embedding(5, 3)\n  in MiniLM"));
  CHECK_THAT(message_of<DTypeError>([&] { m(tensor({0.5})); }),
             Contains("int64") && Contains("in embed"));
}

TEST_CASE("invalid sizes are refused") {
  CHECK_THAT(message_of<ShapeError>([] { MiniLM({.vocab_size = 0}); }), Contains("vocab_size"));
  CHECK_THAT(message_of<ShapeError>([] { MiniLM({.vocab_size = 5, .n_embd = 0}); }),
             Contains("Embedding: expected features"));
  CHECK_THAT(message_of<ShapeError>([] { MiniLM({.vocab_size = 5, .n_hidden = -1}); }),
             Contains("Linear: expected out"));
  CHECK_THAT(message_of<ShapeError>([] { MiniLM({.vocab_size = 5, .context = 0}); }),
             Contains("context"));
  MiniLM m({.vocab_size = 5, .context = 2});
  CHECK_THAT(message_of<ShapeError>([&] { m(tensor(3)); }),
             Contains("time axis") && Contains("in MiniLM"));
}

TEST_CASE("empty ids give empty logits") {
  for (int64_t context : {1, 3}) {
    MiniLM m({.vocab_size = 5, .n_embd = 3, .n_hidden = 4, .context = context});
    CHECK(m(empty({0}, kInt64)).shape() == Shape{0, 5});
    CHECK(m(empty({2, 0}, kInt64)).shape() == Shape{2, 0, 5});
  }
}
