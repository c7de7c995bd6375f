// Tests layers against their formulas, initial values, and fused layers against hooked ones.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

struct Moments {
  double mean = 0, deviation = 0, low = HUGE_VAL, high = -HUGE_VAL;
};
Moments moments(const Tensor& x) {
  Moments m;
  const std::vector<double> v = values(x);
  const auto n = static_cast<double>(v.size());
  for (double each : v)
    m.mean += each / n, m.low = std::min(m.low, each), m.high = std::max(m.high, each);
  for (double each : v) m.deviation += (each - m.mean) * (each - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

}  // namespace

TEST_CASE("Linear is x W^T + b, dot product by dot product") {
  manual_seed(1);
  nn::Linear m(5, 3);
  Tensor x = randn({2, 4, 5}), y = m(x);
  REQUIRE(y.shape() == Shape{2, 4, 3});
  const std::vector<double> X = values(x), W = values(m.weight), B = values(m.bias), Y = values(y);
  for (size_t row = 0; row < 8; ++row)
    for (size_t j = 0; j < 3; ++j) {
      double sum = B[j];
      for (size_t k = 0; k < 5; ++k) sum += X[row * 5 + k] * W[j * 5 + k];
      CHECK(Y[row * 3 + j] == Approx(sum).margin(1e-5));
    }
  nn::Linear without(5, 3, {.bias = false});
  CHECK(max_difference(without(x), matmul(x, without.weight.t())) < 1e-5);
}

TEST_CASE("Linear and Embedding refuse sizes below one") {
  CHECK_THAT(message_of<ShapeError>([] { nn::Linear(0, 3); }), Contains("Linear: expected in"));
  CHECK_THAT(message_of<ShapeError>([] { nn::Linear(3, -1); }),
             Contains("Linear: expected out") && Contains("-1"));
  CHECK_THAT(message_of<ShapeError>([] { nn::Embedding(0, 3); }),
             Contains("Embedding: expected vocab_size"));
  CHECK_THAT(message_of<ShapeError>([] { nn::Embedding(3, 3, {.padding_idx = 3}); }),
             Contains("padding_idx"));
}

TEST_CASE("Embedding picks rows; padded places pass no gradient") {
  nn::Embedding m(5, 3, {.padding_idx = 2});
  CHECK(values(m.weight.select(0, 2)) == std::vector<double>{0, 0, 0});
  CHECK(m.weight.is_leaf());
  Tensor ids = tensor({{0, 2}, {4, 4}}), y = m(ids);
  CHECK(y.shape() == Shape{2, 2, 3});
  CHECK(same_bits(y[1][0], m.weight[4]));
  {
    NoGradGuard unrecorded;
    m.weight.select(0, 2).fill_(5);
  }
  y = m(ids);
  CHECK(values(y[0][1]) == std::vector<double>{5, 5, 5});
  y.sum().backward();
  CHECK(values(m.weight.grad()) ==
        std::vector<double>{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2});
}

TEST_CASE("activation modules equal the functions") {
  Tensor x = randn({3, 4});
  CHECK(same_bits(nn::ReLU()(x), relu(x)));
  CHECK(same_bits(nn::Tanh()(x), tanh(x)));
  CHECK(same_bits(nn::Sigmoid()(x), sigmoid(x)));
  CHECK(same_bits(nn::SiLU()(x), silu(x)));
  CHECK(same_bits(nn::GELU()(x), gelu(x)));
  CHECK(same_bits(nn::GELU({.approximate = "tanh"})(x), gelu(x, GeluForm::kTanh)));
  CHECK(same_bits(nn::Softmax()(x), softmax(x, -1)));
  CHECK(same_bits(nn::Softmax(0)(x), softmax(x, 0)));
  CHECK(nn::Identity()(x).impl() == x.impl());
  CHECK_THAT(message_of<ValueError>([] { nn::GELU({.approximate = "fast"}); }), Contains("fast"));
}

TEST_CASE("LayerNorm and RMSNorm equal the functions with their parameters") {
  Tensor x = randn({3, 5}), w = randn({5}), b = randn({5});
  nn::LayerNorm layer(5, {.eps = 0.1});
  CHECK(same_bits(layer(x), layer_norm(x, ones({5}), zeros({5}), 0.1)));
  layer.weight.detach().copy_(w), layer.bias.detach().copy_(b);
  CHECK(same_bits(layer(x), layer_norm(x, w, b, 0.1)));
  nn::LayerNorm unbiased(5, {.bias = false});
  CHECK(unbiased.parameters().size() == 1);
  CHECK(same_bits(unbiased(x), layer_norm(x)));
  nn::RMSNorm rms(5);
  rms.weight.detach().copy_(w);
  CHECK(same_bits(rms(x), rms_norm(x, w)));
  CHECK(layer.describe() == "LayerNorm(5)");
  CHECK(unbiased.describe() == "LayerNorm(5, no bias)");
  CHECK(rms.describe() == "RMSNorm(5)");
  CHECK_THROWS_AS(nn::LayerNorm(0), ShapeError);
}

TEST_CASE("Dropout zeroes and scales while training, and is the identity otherwise") {
  manual_seed(5);
  nn::Dropout m(0.25);
  Tensor x = ones({10000}), y = m(x);
  double zeroed = 0;
  for (double v : values(y)) {
    CHECK((v == 0 || v == Approx(1 / 0.75)));
    zeroed += v == 0;
  }
  CHECK(zeroed == Approx(2500).margin(200));
  m.eval();
  CHECK(m(x).impl() == x.impl());
  CHECK_THAT(message_of<ValueError>([] { nn::Dropout(1.5); }), Contains("1.5"));
}

TEST_CASE("a layer with hooks computes the same as the fused layer") {
  manual_seed(2);
  const DType dtype = GENERATE(kFloat32, kFloat64, kBFloat16);
  const int64_t width = GENERATE(16, 256);
  for (Activation f :
       {Activation::kNone, Activation::kRelu, Activation::kTanh, Activation::kSigmoid,
        Activation::kGelu, Activation::kGeluTanh, Activation::kSilu}) {
    nn::Linear m(64, width);
    m.to(dtype);
    Tensor x = randn({64, 64}).to(dtype);
    x.requires_grad_();
    auto run = [&] {
      Tensor y = m(x, f);
      std::vector<Tensor> all = grad((y * y).sum(), {x, m.weight, m.bias});
      all.push_back(y.detach());
      NoGradGuard unrecorded;
      all.push_back(m(x, f));
      return all;
    };
    std::vector<Tensor> fused = run();
    int calls = 0;
    nn::ScopedHook hook(
        m.register_forward_hook([&](nn::Module&, const Tensor& in, const Tensor& out) {
          CHECK(max_difference(out, linear(in, m.weight, m.bias)) == 0);  // before the activation
          return ++calls, Tensor();
        }));
    std::vector<Tensor> hooked = run();
    CHECK(calls == 2);
    const double tolerance = dtype == kFloat64 ? 1e-12 : dtype == kFloat32 ? 1e-5 : 3e-2;
    for (size_t i = 0; i < fused.size(); ++i) {
      CAPTURE(static_cast<int>(f), dtype_name(dtype), width, i);
      const double scale = std::max(1.0, max_difference(fused[i], zeros_like(fused[i])));
      CHECK(max_difference(fused[i], hooked[i]) <= tolerance * scale);
    }
  }
}

TEST_CASE("default initial values are PyTorch's") {
  manual_seed(4);
  nn::Linear m(100, 400);
  Moments w = moments(m.weight), b = moments(m.bias);
  CHECK(w.low >= -0.1);
  CHECK(w.high < 0.1);
  CHECK(w.mean == Approx(0).margin(1e-3));
  CHECK(w.deviation == Approx(0.1 / std::sqrt(3)).epsilon(0.02));
  CHECK(b.low >= -0.1);
  CHECK(b.high < 0.1);
  CHECK(b.deviation == Approx(0.1 / std::sqrt(3)).epsilon(0.1));
  Moments e = moments(nn::Embedding(400, 100).weight);
  CHECK(e.mean == Approx(0).margin(0.02));
  CHECK(e.deviation == Approx(1).epsilon(0.02));
}

TEST_CASE("initialisers have the deviation of their source") {
  manual_seed(6);
  Tensor x = empty({200, 300});
  auto deviation = [&](Tensor filled) {
    CHECK(filled.impl() == x.impl());
    CHECK(moments(x).mean == Approx(0).margin(0.03));
    return moments(x).deviation;
  };
  using namespace nn::init;
  CHECK(deviation(uniform_(x, -3, 3)) == Approx(std::sqrt(3)).epsilon(0.02));
  CHECK(deviation(normal_(x, 0, 2)) == Approx(2).epsilon(0.02));
  CHECK(deviation(xavier_uniform_(x, 2)) == Approx(2 * std::sqrt(2.0 / 500)).epsilon(0.02));
  CHECK(deviation(xavier_normal_(x)) == Approx(std::sqrt(2.0 / 500)).epsilon(0.02));
  CHECK(deviation(kaiming_uniform_(x, 0, FanMode::kIn, "relu")) ==
        Approx(std::sqrt(2.0 / 300)).epsilon(0.02));
  CHECK(deviation(kaiming_normal_(x, 0, FanMode::kOut, "tanh")) ==
        Approx(5.0 / 3 / std::sqrt(200.0)).epsilon(0.02));
  CHECK(deviation(kaiming_normal_(x, 1)) == Approx(1 / std::sqrt(300.0)).epsilon(0.02));
  // A normal distribution that is cut at two deviations keeps 0.774 of its variance.
  CHECK(deviation(trunc_normal_(x, 0, 1)) == Approx(std::sqrt(0.7737)).epsilon(0.02));
  CHECK(moments(trunc_normal_(x, 0, 1)).high <= 2);
  CHECK(moments(ones_(x)).low == 1);
  CHECK(moments(zeros_(x)).high == 0);
  CHECK(moments(constant_(x, 3)).mean == Approx(3));
  CHECK_THAT(message_of<ShapeError>([] { xavier_uniform_(empty({3})); }), Contains("(3,)"));
  CHECK_THAT(message_of<ValueError>([] { calculate_gain("cubic"); }), Contains("cubic"));
}

TEST_CASE("orthogonal rows, or columns, are orthonormal times the gain") {
  for (const Shape& shape : {Shape{4, 6}, Shape{6, 4}, Shape{5, 5}}) {
    Tensor x = empty(shape);
    nn::init::orthogonal_(x, 2);
    const int64_t n = std::min(shape[0], shape[1]);
    Tensor product = shape[0] <= shape[1] ? matmul(x, x.t()) : matmul(x.t(), x);
    CHECK(max_difference(product, eye(n) * 4.0) < 1e-5);
  }
  Generator generator(3);  // a refused tensor takes no random numbers
  const Tensor turned = empty({4, 6}).t();
  CHECK_THROWS_AS(nn::init::orthogonal_(turned, 1, generator), ShapeError);
  CHECK(generator.position() == 0);
}

TEST_CASE("initialisers fill views and parameters in place, and record nothing") {
  Tensor x = zeros({4, 6}).requires_grad_(), half;
  {
    NoGradGuard unrecorded;
    half = x.slice(1, 0, 6, 2);
  }
  for (auto fill : std::vector<std::function<void(const Tensor&)>>{
           [](const Tensor& t) { nn::init::uniform_(t, 1, 2); },
           [](const Tensor& t) { nn::init::normal_(t, 9, 0.1); },
           [](const Tensor& t) { nn::init::trunc_normal_(t, 5, 1, 4, 6); },
           [](const Tensor& t) { nn::init::ones_(t); }}) {
    nn::init::zeros_(x);
    fill(half);
    const std::vector<double> v = values(x);
    for (size_t i = 0; i < v.size(); ++i) CHECK((v[i] != 0) == (i % 2 == 0));
    CHECK(x.is_leaf());
  }
}

TEST_CASE("layers and models list all their members, and train all their parameters") {
  const auto check_layer = [](auto layer) {
    INFO(layer.describe());
    nn::check_members(layer);
    for (auto& [name, p] : layer.named_parameters()) {
      INFO(name);
      CHECK((p.requires_grad() && p.is_leaf()));
    }
  };
  for (bool bias : {false, true}) {
    check_layer(nn::Linear(2, 3, {.bias = bias}));
    check_layer(nn::LayerNorm(3, {.bias = bias}));
    check_layer(nn::MultiheadAttention(4, 2, {.bias = bias}));
    check_layer(nn::CausalSelfAttention(4, 2, {.bias = bias}));
  }
  check_layer(nn::Embedding(5, 3, {.padding_idx = 1}));
  check_layer(nn::RMSNorm(3));
  check_layer(nn::Sequential(nn::Linear(2, 3), nn::Dropout(), nn::ReLU()));
  check_layer(models::MiniLM({.vocab_size = 5}));
  models::GPTConfig config{
      .block_size = 4, .vocab_size = 5, .n_layer = 2, .n_head = 2, .n_embd = 4};
  check_layer(models::GPT(config));
  config.norm = models::NormKind::kRMSNorm, config.position = models::PositionKind::kRotary;
  config.mlp = models::MLPKind::kSwiGLU, config.tied_head = false;
  check_layer(models::GPT(config));
}
