// Tests the functions by hand of the layers: against vitro's ops and engine in float64, and against
// central differences of themselves.
#include "models/proof/kinds/activation.h"
#include "models/proof/kinds/cross_entropy.h"
#include "models/proof/kinds/kinds.h"
#include "tests/support/by_hand.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr double kMostOfLayer = 1e-12;  // of an error relative to the largest number of its tensor

// Compares a module with its ops and with central differences.
void check_layer(nn::Module& m, const Tensor& x) {
  INFO(m.describe() << " of " << x.shape());
  m.eval();
  CHECK(error_by_hand(m, x) < kMostOfLayer);
  CHECK(difference_error(m, x) < 1);
}

const Shape kShapes[] = {{6}, {1, 6}, {5, 6}, {2, 3, 6}, {2, 1, 4, 6}};

}  // namespace

TEST_CASE("by hand: Linear") {
  manual_seed(1);
  for (const bool bias : {true, false})
    for (const Shape& shape : kShapes) {
      nn::Linear m(6, 4, {.bias = bias});
      check_layer(roughened(m), randn(shape, kFloat64));
    }
  nn::Linear one(1, 1);
  check_layer(roughened(one), randn({3, 1}, kFloat64));
  nn::Linear large(70, 90);
  check_layer(roughened(large), randn({40, 70}, kFloat64));
}

TEST_CASE("by hand: Embedding, with repeated ids and with padding") {
  manual_seed(2);
  nn::Embedding m(7, 3), padded(7, 3, {.padding_idx = -2});
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 9}}) {
    check_layer(roughened(m), randint(0, 7, shape, kInt64));
    CHECK(error_by_hand(roughened(padded), randint(0, 7, shape, kInt64)) < kMostOfLayer);
  }
  CHECK(padded.padding_idx == 5);
  CHECK_FALSE(m.padding_idx);
}

TEST_CASE("by hand: LayerNorm and RMSNorm") {
  manual_seed(3);
  for (const Shape& shape : kShapes)
    for (const double eps : {1e-5, 0.5}) {
      nn::LayerNorm layer(6, {.eps = eps}), plain(6, {.eps = eps, .bias = false});
      nn::RMSNorm rms(6, {.eps = eps});
      const Tensor x = randn(shape, kFloat64) * 2 + 0.7;
      check_layer(roughened(layer), x), check_layer(roughened(plain), x),
          check_layer(roughened(rms), x);
    }
  nn::LayerNorm single(1);
  check_layer(roughened(single), randn({3, 1}, kFloat64));
}

TEST_CASE("by hand: the activations as modules") {
  manual_seed(4);
  nn::GELU erf, tanh_form({.approximate = "tanh"});
  nn::ReLU relu;
  nn::Tanh tanh;
  nn::Sigmoid sigmoid;
  nn::SiLU silu;
  for (nn::Module* m :
       std::initializer_list<nn::Module*>{&erf, &tanh_form, &relu, &tanh, &sigmoid, &silu})
    for (const Shape& shape : kShapes) check_layer(*m, randn(shape, kFloat64) * 3);
}

TEST_CASE("by hand: activations of very large and of infinite numbers") {
  const double inf = HUGE_VAL;
  const Tensor x =
      tensor({-inf, -2000.0, -900.0, -40.0, -9.0, 0.0, 9.0, 40.0, 900.0, 2000.0, inf}, kFloat64);
  for (const Activation f :
       {Activation::kNone, Activation::kRelu, Activation::kTanh, Activation::kSigmoid,
        Activation::kGelu, Activation::kGeluTanh, Activation::kSilu}) {
    INFO(activation_name(f));
    const Tensor leaf = x.clone().requires_grad_(), y = activate(leaf, f);
    y.backward(ones(x.shape(), kFloat64));
    const proof::Array by_hand = proof::activation_by_hand(f, proof::array_of(x)),
                       slope = proof::activation_gradient(
                           f, proof::array_of(x), proof::array_of(ones(x.shape(), kFloat64)));
    CHECK(max_difference(proof::tensor_of(by_hand, kFloat64), y) < 1e-12);
    CHECK(max_difference(proof::tensor_of(slope, kFloat64), leaf.grad()) < 1e-12);
    for (const proof::Array* a : {&by_hand, &slope})
      for (size_t i = 1; i + 1 < a->size.size(); ++i) CHECK(std::isfinite(a->size[i]));
  }
}

TEST_CASE("by hand: Softmax along every axis") {
  manual_seed(5);
  for (const int64_t axis : {0, 1, 2, -1, -2}) {
    nn::Softmax m(axis);
    check_layer(m, randn({3, 4, 5}, kFloat64) * 2);
  }
  nn::Softmax m;
  check_layer(m, randn({}, kFloat64));
  check_layer(m, randn({4, 1}, kFloat64));
}

TEST_CASE("by hand: identities and Sequential") {
  manual_seed(6);
  nn::HookPoint point;
  nn::Identity identity;
  nn::Dropout dropout(0.5);
  nn::Sequential empty;
  for (nn::Module* m : std::initializer_list<nn::Module*>{&point, &identity, &dropout, &empty})
    check_layer(*m, randn({2, 3}, kFloat64));
  nn::Sequential m(nn::Linear(3, 5), nn::Tanh(), nn::Dropout(0.3), nn::LayerNorm(5),
                   nn::Sequential(nn::Linear(5, 4), nn::GELU()), nn::Softmax());
  check_layer(roughened(m), randn({2, 3}, kFloat64));
  nn::Sequential of_ids(nn::Embedding(5, 3), nn::Linear(3, 2));
  check_layer(roughened(of_ids), randint(0, 5, {2, 4}, kInt64));
}

TEST_CASE("by hand: MultiheadAttention") {
  manual_seed(7);
  for (const bool bias : {true, false})
    for (const int64_t heads : {1, 2, 3}) {
      nn::MultiheadAttention m(6, heads, {.bias = bias});
      check_layer(roughened(m), randn({2, 5, 6}, kFloat64));
      check_layer(m, randn({1, 1, 6}, kFloat64));
    }
}

TEST_CASE("by hand: CausalSelfAttention, with every choice of heads, rope and bias") {
  manual_seed(8);
  for (const bool bias : {true, false})
    for (const int64_t groups : {1, 2, 4})
      for (const std::optional<double> base : {std::optional<double>(), std::optional(100.0)}) {
        nn::CausalSelfAttention m(16, 4, {.n_kv_head = groups, .bias = bias, .rope_base = base});
        check_layer(roughened(m), randn({2, 5, 16}, kFloat64));
        check_layer(m, randn({1, 1, 16}, kFloat64));
      }
}

TEST_CASE("by hand: CausalSelfAttention, with hooks") {
  manual_seed(9);
  nn::CausalSelfAttention m(8, 4, {.n_kv_head = 2, .rope_base = 50.0});
  roughened(m);
  const auto look = [](nn::Module&, const Tensor&, const Tensor&) { return Tensor(); };
  for (nn::HookPoint* point :
       {&m.hook_q, &m.hook_k, &m.hook_v, &m.hook_attn_scores, &m.hook_pattern, &m.hook_z}) {
    const nn::ScopedHook hook(point->register_forward_hook(look));
    check_layer(m, randn({2, 5, 8}, kFloat64));
  }
  const nn::ScopedHook scores(m.hook_attn_scores.register_forward_hook(look)),
      pattern(m.hook_pattern.register_forward_hook(look));
  check_layer(m, randn({1, 3, 8}, kFloat64));
}

TEST_CASE("by hand: the mean cross entropy") {
  manual_seed(10);
  for (const bool ignores : {false, true}) {
    const Tensor logits = (randn({2, 3, 7}, kFloat64) * 4).requires_grad_();
    Tensor targets = randint(0, 7, {2, 3}, kInt64);
    if (ignores) targets.mutable_data<int64_t>()[4] = -100;
    const std::span ids(targets.data<int64_t>(), 6);
    const Tensor loss = cross_entropy(logits, targets);
    loss.backward();
    const proof::Array x = proof::array_of(logits);
    CHECK(error_of(proof::cross_entropy(x, ids), loss) < kMostOfLayer);
    CHECK(error_of(proof::cross_entropy_backward(x, ids), logits.grad()) < kMostOfLayer);
    const std::vector<double> terms = proof::cross_entropies(x, ids);
    double sum = 0;
    for (double term : terms) sum += term;
    CHECK(sum / (ignores ? 5 : 6) == Approx(loss.item()).epsilon(1e-12));
    for (int64_t place : {0, 13, 20, 40}) {
      proof::Array above = x, below = x;
      above.value[place] += 1e-5, below.value[place] -= 1e-5;
      const double slope =
          (proof::cross_entropy(above, ids).value[0] - proof::cross_entropy(below, ids).value[0]) /
          2e-5;
      CHECK(slope == Approx(proof::cross_entropy_backward(x, ids).value[place]).margin(1e-9));
    }
  }
  const std::vector<int64_t> few{1, 2};
  CHECK_THROWS_AS(proof::cross_entropy(proof::zeros_array({3, 4}), few), ShapeError);
}

TEST_CASE("by hand: a registered kind goes before vitro's own, and the last one counts") {
  struct Doubled : nn::Module {
    Tensor forward(const Tensor& x) override { return x * 2; }
  };
  Doubled m;
  CHECK(proof::kind_of(m) == nullptr);
  proof::by_hand<Doubled>(
      "y = x + x", [](Doubled&, proof::Hand&, const proof::Array& x) { return proof::plus(x, x); });
  REQUIRE(proof::kind_of(m));
  CHECK(proof::kind_of(m)->formula == "y = x + x");
  CHECK_FALSE(proof::kind_of(m)->backward);
  check_layer(m, randn({3}, kFloat64));  // its gradient comes from a replay
  proof::by_hand<Doubled>(
      "y = 2 x", [](Doubled&, proof::Hand&, const proof::Array& x) { return proof::plus(x, x); },
      [](Doubled&, proof::Hand&, const proof::Array&, const proof::Array& dy) {
        return proof::plus(dy, dy);
      });
  CHECK(proof::kind_of(m)->formula == "y = 2 x");
  check_layer(m, randn({3}, kFloat64));
  nn::Linear linear(2, 2);
  CHECK(proof::kind_of(linear) == proof::built_in(typeid(nn::Linear)));
}
