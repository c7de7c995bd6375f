// Tests the functions by hand of the models: against vitro's ops, and against goldens of PyTorch.
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/proof/kinds/activation.h"
#include "models/proof/kinds/attention.h"
#include "models/proof/kinds/cross_entropy.h"
#include "tests/support/by_hand.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/paths.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using models::GPTConfig;
using proof::Array;
using Json = nlohmann::json;

namespace {

constexpr double kMostOfModel = 1e-11;

// Calls f for every combination of the choices of a GPT.
template <class F>
void for_configurations(F f) {
  using enum models::MLPKind;
  for (int choice = 0; choice < 96; ++choice) {
    GPTConfig c{.block_size = 7, .vocab_size = 11, .n_layer = 2, .n_head = 2, .n_embd = 8};
    c.bias = choice % 2, c.tied_head = choice / 2 % 2;
    c.norm = choice / 4 % 2 ? models::NormKind::kRMSNorm : models::NormKind::kLayerNorm;
    c.position = choice / 8 % 2 ? models::PositionKind::kRotary : models::PositionKind::kLearned;
    c.n_kv_head = choice / 16 % 2;
    c.mlp = std::array{kGelu, kSwiGLU, kGeluErf}[static_cast<size_t>(choice / 32)];
    if (c.n_kv_head) c.n_inner = 13;
    INFO(models::to_json(c));
    f(c);
  }
}

// (B, H, T, D) <-> (B, T, H, D)
Array swapped(const Tensor& x) { return proof::array_of(x.transpose(1, 2).contiguous()); }
double swapped_error(const Array& a, const Tensor& b) {
  return error_of(a, b.transpose(1, 2).contiguous());
}

}  // namespace

TEST_CASE("by hand: GPT in every configuration") {
  manual_seed(20);
  for_configurations([](const GPTConfig& c) {
    GPT model(c);
    roughened(model, 0.2).eval();
    CHECK(error_by_hand(model, randint(0, 11, {2, 5}, kInt64)) < kMostOfModel);
    CHECK(error_by_hand(model, randint(0, 11, {4}, kInt64)) < kMostOfModel);
    CHECK(error_by_hand(model.h[1], randn({2, 3, 8}, kFloat64)) < kMostOfModel);
    CHECK(error_by_hand(model.h[0].mlp, randn({2, 3, 8}, kFloat64)) < kMostOfModel);
  });
}

TEST_CASE("by hand: the gradients of a GPT equal central differences") {
  manual_seed(21);
  int choice = 0;
  for_configurations([&](const GPTConfig& c) {
    if (choice++ % 5) return;
    GPT model(c);
    roughened(model, 0.2).eval();
    CHECK(difference_error(model, randint(0, 11, {2, 4}, kInt64), 2) < 1);
    CHECK(difference_error(model.h[0], randn({1, 3, 8}, kFloat64), 2) < 1);
  });
}

TEST_CASE("by hand: MiniLM with every activation and several contexts") {
  manual_seed(22);
  for (const char* f : {"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"})
    for (const int64_t context : {1, 2, 3, 6}) {
      models::MiniLM model({.vocab_size = 9,
                            .n_embd = 4,
                            .n_hidden = 7,
                            .context = context,
                            .activation = activation_of(f)});
      roughened(model).eval();
      INFO(model.describe());
      CHECK(error_by_hand(model, randint(0, 9, {2, 5}, kInt64)) < kMostOfModel);
      CHECK(error_by_hand(model, randint(0, 9, {5}, kInt64)) < kMostOfModel);
      CHECK(difference_error(model, randint(0, 9, {1, 3}, kInt64), 2) < 1);
      if (context == 1) CHECK(error_by_hand(model, randint(0, 9, {}, kInt64)) < kMostOfModel);
    }
}

TEST_CASE("by hand: GPT equals PyTorch") {
  std::ifstream in(source_path("tests/golden/gpt.json"));
  for (const Json& c : Json::parse(in)) {
    if (c.at("name") == "nanogpt") continue;
    const Json& given = c.at("config");
    GPTConfig config{.block_size = given.at("block_size"),
                     .vocab_size = given.at("vocab_size"),
                     .n_layer = given.at("n_layer"),
                     .n_head = given.at("n_head"),
                     .n_embd = given.at("n_embd"),
                     .bias = given.at("bias"),
                     .n_kv_head = given.at("n_kv_head"),
                     .n_inner = given.at("n_inner"),
                     .tied_head = given.at("tied"),
                     .norm_eps = given.at("eps"),
                     .rope_base = given.at("rope_base")};
    if (given.at("llama")) {
      config.norm = models::NormKind::kRMSNorm;
      config.position = models::PositionKind::kRotary;
      config.mlp = models::MLPKind::kSwiGLU;
    }
    GPT model(config, models::InitialValues::kNone);
    model.to(kFloat64).eval();
    set_to_formula(model.named_parameters(), c.at("scale"));
    const models::Batch batch =
        formula_batch("ids", c.at("batch")[0], c.at("batch")[1], config.vocab_size);
    INFO(c.at("name").get<std::string>());

    const std::span ids(batch.targets.data<int64_t>(), static_cast<size_t>(batch.targets.numel()));
    const Array ids_in = proof::array_of(batch.ids), logits = by_hand(model, ids_in).y();
    const std::vector<double> wanted = c.at("logits");
    CHECK(error_of(logits, from_span(std::span(wanted)).reshape(logits.shape)) < 1e-11);
    CHECK(proof::cross_entropy(logits, ids).value[0] ==
          Approx(c.at("loss").get<double>()).epsilon(1e-13));
    const ByHand hand = by_hand(
        model, ids_in, proof::tensor_of(proof::cross_entropy_backward(logits, ids), kFloat64));
    std::map<const TensorImpl*, Array> sums;
    for (const auto& [place, d] : hand.gradients) proof::add_to(sums[place->impl()], d);
    for (const auto& [name, p] : model.named_parameters()) {
      INFO(name);
      const Json& golden = c.at("gradients").at(name);
      if (!golden.is_array()) continue;  // only projections of a large gradient are stored
      const std::vector<double> gradient = golden;
      CHECK(error_of(sums.at(p.impl()), from_span(std::span(gradient)).reshape(p.shape())) < 1e-10);
    }
  }
}

TEST_CASE("by hand: attention equals PyTorch") {
  int compared = 0;
  for (const GoldenCase& c : read_goldens("attention")) {
    if (c.has_arg("mask")) continue;
    INFO(c.name);
    ++compared;
    const Tensor &q = c.input("q"), &k = c.input("k"), &v = c.input("v");
    proof::AttentionForm form =
        proof::attention_form(q.size(3), c.has_arg("causal") && c.arg("causal").get<bool>());
    if (c.has_arg("scale")) form.scale = c.arg("scale");
    CHECK(swapped_error(proof::attention_by_hand(swapped(q), swapped(k), swapped(v), form),
                        c.outputs[0]) < kMostOfModel);
    const proof::AttentionGradients d = proof::attention_gradients(
        swapped(q), swapped(k), swapped(v), swapped(c.grad_output), form);
    CHECK(swapped_error(d.dq, c.grads[0]) < kMostOfModel);
    CHECK(swapped_error(d.dk, c.grads[1]) < kMostOfModel);
    CHECK(swapped_error(d.dv, c.grads[2]) < kMostOfModel);
  }
  CHECK(compared == 11);
}

TEST_CASE("by hand: softmax, activations and cross entropy equal PyTorch") {
  int compared = 0;
  const auto check_case = [&](nn::Module& m, const GoldenCase& c) {
    INFO(c.name);
    ++compared;
    const ByHand hand = by_hand(m, proof::array_of(c.inputs[0]), c.grad_output);
    CHECK(difference(proof::tensor_of(hand.y(), kFloat64), c.outputs[0], 1e-12, 1e-15) == "");
    if (!c.grads.empty() && c.grads[0].defined())
      CHECK(difference(proof::tensor_of(hand.dx(), kFloat64), c.grads[0], 1e-12, 1e-14) == "");
  };
  for (const GoldenCase& c : read_goldens("softmax")) {
    if (c.op != "softmax") continue;
    nn::Softmax m(c.arg("axis"));
    check_case(m, c);
  }
  nn::GELU erf, tanh_form({.approximate = "tanh"});
  nn::Tanh tanh;
  nn::Sigmoid sigmoid;
  nn::SiLU silu;
  for (const GoldenCase& c : read_goldens("elementwise")) {
    if (c.op == "tanh") check_case(tanh, c);
    if (c.op == "sigmoid") check_case(sigmoid, c);
    if (c.name.ends_with("nonfinite")) continue;  // at -infinity, PyTorch's silu and gelu are NaN
    if (c.op == "silu") check_case(silu, c);
    if (c.op == "gelu") check_case(c.arg("approximate") == "none" ? erf : tanh_form, c);
  }
  CHECK(compared == 14);
  compared = 0;
  for (const GoldenCase& c : read_goldens("losses")) {
    if (c.op != "cross_entropy" || c.arg("reduction") != "mean" || c.has_arg("weight") ||
        c.arg("label_smoothing") != 0.0 || c.arg("ignore_index") != -100)
      continue;
    INFO(c.name);
    ++compared;
    const Tensor& targets = c.input("targets");
    const Array logits = proof::array_of(c.input("logits"));
    const std::span ids(targets.data<int64_t>(), static_cast<size_t>(targets.numel()));
    const Tensor loss = proof::tensor_of(proof::cross_entropy(logits, ids), kFloat64);
    CHECK(difference(loss, c.outputs[0], 1e-12, 1e-14) == "");
    const Tensor d = proof::tensor_of(proof::cross_entropy_backward(logits, ids), kFloat64);
    CHECK(difference(d * c.grad_output, c.grads[0], 1e-12, 1e-14) == "");
  }
  CHECK(compared > 1);
}
