// Compares models::GPT with goldens of PyTorch: logits, loss, every gradient, ten training steps.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/io/safetensors.h"
#include "tests/support/formula.h"
#include "tests/support/paths.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using models::GPTConfig;
using Json = nlohmann::json;

namespace {

Json read_json(const std::string& file) {
  std::ifstream in(source_path("tests/golden/" + file));
  REQUIRE(in.good());
  return Json::parse(in);
}

GPTConfig config_of(const Json& c) {
  GPTConfig config{.block_size = c.at("block_size"),
                   .vocab_size = c.at("vocab_size"),
                   .n_layer = c.at("n_layer"),
                   .n_head = c.at("n_head"),
                   .n_embd = c.at("n_embd"),
                   .bias = c.at("bias"),
                   .n_kv_head = c.at("n_kv_head"),
                   .n_inner = c.at("n_inner"),
                   .tied_head = c.at("tied"),
                   .norm_eps = c.at("eps"),
                   .rope_base = c.at("rope_base")};
  if (!c.at("llama").get<bool>()) return config;
  config.norm = models::NormKind::kRMSNorm;
  config.position = models::PositionKind::kRotary;
  config.mlp = models::MLPKind::kSwiGLU;
  return config;
}

// The largest errors allowed: absolute for logits, relative for the rest.
struct Tolerance {
  double logits, loss, gradient, training;
};

// |g - g'| / |g'| in the L2 norm.  Some goldens have only products of g' with random signs; then
// the result is an estimate.
double gradient_error(const std::string& name, const Tensor& g, const Json& expected) {
  double error = 0, size = 0;
  if (expected.is_array()) {
    const auto wanted = expected.get<std::vector<double>>();
    const std::vector<double> got = values(g);
    REQUIRE(got.size() == wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      error += (got[i] - wanted[i]) * (got[i] - wanted[i]);
      size += wanted[i] * wanted[i];
    }
    return std::sqrt(error / size);
  }
  const auto wanted = expected.at("projections").get<std::vector<double>>();
  const auto got = projections(name, g);
  for (size_t k = 0; k < 8; ++k) error += (got[k] - wanted[k]) * (got[k] - wanted[k]) / 8;
  return std::sqrt(error) / expected.at("norm").get<double>();
}

void check_gradients(GPT& model, const Json& expected, double most) {
  const NamedTensors parameters = model.named_parameters();
  CHECK(parameters.size() == expected.size());
  for (const auto& [name, p] : parameters) {
    INFO(name);
    REQUIRE(expected.contains(name));
    CHECK(gradient_error(name, p.grad(), expected.at(name)) < most);
  }
}

// Trains on one batch, with the options that TRAINING in golden_gpt.py lists.
void check_training(GPT& model, const models::Batch& batch, const Json& training, double most) {
  const auto [decayed, plain] = optim::decay_groups(model.named_parameters());
  optim::AdamWOptions options{.lr = training.at("lr"),
                              .beta1 = training.at("beta1"),
                              .beta2 = training.at("beta2"),
                              .weight_decay = training.at("weight_decay")};
  optim::AdamW opt(decayed, options);
  options.weight_decay = 0;
  opt.add_param_group(plain, options);
  const std::vector<Tensor> parameters = model.parameters();
  int step = 0;
  for (const double expected : training.at("losses")) {
    INFO("step " << ++step);
    opt.zero_grad();
    Tensor loss = model.loss(batch.ids, batch.targets);
    CHECK(std::abs(loss.item() - expected) < most * expected);
    loss.backward();
    optim::clip_grad_norm_(parameters, training.at("grad_clip"));
    opt.step();
  }
}

// Calls check_logits with the logits (B, T, V).
template <class F>
void check_case(const Json& c, DType dtype, const Tolerance& most, F check_logits) {
  CAPTURE(c.at("name").get<std::string>(), dtype);
  GPT model(config_of(c.at("config")), models::InitialValues::kNone);
  CHECK(model.parameter_count() == c.at("parameters").get<int64_t>());
  model.to(dtype);
  set_to_formula(model.named_parameters(), c.at("scale"));
  const models::Batch batch =
      formula_batch("ids", c.at("batch")[0], c.at("batch")[1], model.config.vocab_size);
  const Tensor logits = model(batch.ids);
  check_logits(logits.detach());
  Tensor loss = cross_entropy(logits, batch.targets);
  CHECK(std::abs(loss.item() - c.at("loss").get<double>()) < most.loss * loss.item());
  loss.backward();
  check_gradients(model, c.at("gradients"), most.gradient);
  check_training(model, batch, c.at("training"), most.training);
}

void check_small(const Json& c, DType dtype, const Tolerance& most) {
  check_case(c, dtype, most, [&](Tensor logits) {
    const std::vector<double> wanted = c.at("logits");
    if (c.at("name") == "nanogpt") logits = slice(logits, 1, 21, 64, 21);  // as in the golden
    REQUIRE(logits.numel() == static_cast<int64_t>(wanted.size()));
    const Tensor expected = from_span(std::span(wanted)).reshape(logits.shape());
    CHECK(max_difference(logits, expected) < most.logits);
  });
}

}  // namespace

TEST_CASE("weights and ids by formula equal the values of formula.py") {
  const Safetensors file = load_safetensors(source_path("tests/golden/hf/gpt2/model.safetensors"));
  int compared = 0;
  for (const auto& [name, stored] : file.tensors) {
    if (name.ends_with(".attn.bias")) continue;  // the causal mask, which is no weight
    const bool transposed = name.ends_with("c_attn.weight") || name.ends_with("c_proj.weight") ||
                            name.ends_with("c_fc.weight");
    const Tensor expected = transposed ? stored.t().contiguous() : stored;
    Tensor made = empty(expected.shape());
    set_to_formula({{name, made}}, 0.25);
    INFO(name);
    CHECK(same_bits(made, expected));
    ++compared;
  }
  CHECK(compared == 28);
  const auto rows = read_json("hf/gpt2/expected.json").at("ids");
  const Tensor ids = formula_batch("ids", 2, 8, 17).ids;
  for (int64_t i = 0; i < 16; ++i)
    CHECK(rows.at(static_cast<size_t>(i / 8)).at(static_cast<size_t>(i % 8)) ==
          ids.data<int64_t>()[i]);
}

TEST_CASE("GPT equals PyTorch in float64") {
  for (const Json& c : read_json("gpt.json"))
    if (c.at("name") != "nanogpt")
      check_small(c, kFloat64,
                  {.logits = 1e-11, .loss = 1e-13, .gradient = 1e-11, .training = 1e-11});
}

TEST_CASE("GPT equals PyTorch in float32, with the kernels") {
  for (const Json& c : read_json("gpt.json"))
    check_small(c, kFloat32, {.logits = 5e-6, .loss = 1e-6, .gradient = 5e-6, .training = 5e-6});
}

// Runs only on request, because it takes half a minute and 3 GB.
TEST_CASE("GPT-2 124M equals PyTorch", "[.gpt2]") {
  const Json c = read_json("gpt2.json");
  REQUIRE(c.at("parameters") == 124439808);
  check_case(
      c, kFloat32, {.logits = 3e-4, .loss = 5e-6, .gradient = 1e-5, .training = 5e-6},
      [&](const Tensor& logits) {
        const int64_t stride = c.at("stride"), V = logits.size(-1);
        for (const Json& row : c.at("rows")) {
          const std::vector<double> wanted = row.at("logits");
          const Tensor got = logits[row.at("at")[0].get<int64_t>()][row.at("at")[1].get<int64_t>()];
          CHECK(max_difference(slice(got, 0, 0, V, stride), from_span(std::span(wanted))) < 3e-4);
        }
        const auto best = c.at("argmax").get<std::vector<std::vector<int64_t>>>();
        const Tensor got = argmax(logits, -1);
        for (size_t b = 0; b < best.size(); ++b)
          for (size_t t = 0; t < best[b].size(); ++t)
            CHECK(got.data<int64_t>()[b * best[b].size() + t] == best[b][t]);
      });
}
