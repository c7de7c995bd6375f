// Tests that the printed steps of every kind of module lead to the printed digits.
#include <catch2/catch.hpp>
#include <random>

#include "models/proof/hand.h"
#include "tests/support/gpts.h"
#include "tests/support/tensors.h"
#include "tests/support/worked.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using proof::Cell;
using proof::Trace;
using proof::worked_cell;
using Where = std::vector<int64_t>;

namespace {

double largest_size(const Tensor& x) {
  double most = 0;
  for (double value : values(x))
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  return most;
}

Where random_index(const Shape& shape, std::mt19937& random) {
  Where index;
  for (int64_t size : shape)
    index.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(size)));
  return index;
}

// Works a random number of every module and hook point.  A run with hooks says what it is.
void check_all_cells(nn::Module& model, const Tensor& input, unsigned seed,
                     const CellTolerance& allowed = {}, int64_t expected = 1) {
  model.eval();
  const Trace trace = proof::run_traced(model, input, {.dy = ones_like(model(input))});
  NoGradGuard unrecorded;
  const nn::ActivationCache seen = nn::run_with_cache(model, input);
  NamedTensors outputs = seen.all();
  outputs.push_back({"", seen.output});
  std::mt19937 random(seed);
  int64_t cells = 0;
  for (const auto& [path, y] : outputs) {
    const Where index = random_index(y.shape(), random);
    const Cell cell = worked_cell(trace, path, index);
    CHECK(cell.path == path);
    CHECK(cell.index == index);
    Tensor value = y;
    for (int64_t i : index) value = value.select(0, i);
    INFO(path << ": " << cell.text);
    if (std::isinf(value.item()) || cell.shown == "0") {  // after the mask
      CHECK(cell.by_hand == value.item());
      continue;
    }
    const double scale = std::max(largest_size(y), 1e-30);
    CHECK(std::abs(cell.by_hand - value.item()) <= allowed.model * scale);
    if (index.empty() || cell.text.find("unknown") != cell.text.npos) continue;
    check_cell(cell, scale, allowed);
    ++cells;
  }
  CHECK(cells >= expected);
}

}  // namespace

TEST_CASE("cells: every module and hook point of GPTs") {
  for (unsigned seed : {1u, 2u, 3u})
    for (const auto& [name, config] : kSmallGPTs) {
      INFO(name << " seed " << seed);
      models::GPT model = noisy_gpt(config, 0.3, seed);
      check_all_cells(model, small_gpt_ids(2, 7), seed, {}, 30);
      models::GPT fresh(config);  // small weights need more decimals
      check_all_cells(fresh, small_gpt_ids(1, 3), seed, {}, 30);
    }
  models::GPTConfig mixed = kSmallGPT;
  mixed.mlp = models::MLPKind::kGeluErf, mixed.norm = models::NormKind::kRMSNorm,
  mixed.n_kv_head = 1;
  models::GPT model = noisy_gpt(mixed, 0.2);
  check_all_cells(model, small_gpt_ids(1, 12), 4, {}, 30);
}

TEST_CASE("cells: a GPT in bfloat16") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    models::GPT model = noisy_gpt(config, 0.2);
    model.to(kBFloat16);
    check_all_cells(model, small_gpt_ids(1, 6), 1, {.model = 0.02}, 30);
  }
}

TEST_CASE("cells: MiniLM with a context, and every activation") {
  for (Activation f :
       {Activation::kNone, Activation::kRelu, Activation::kTanh, Activation::kSigmoid,
        Activation::kGelu, Activation::kGeluTanh, Activation::kSilu})
    for (unsigned seed : {1u, 2u, 3u}) {
      manual_seed(seed);
      INFO(activation_name(f) << " seed " << seed);
      models::MiniLM model(
          {.vocab_size = 30, .n_embd = 5, .n_hidden = 9, .context = 3, .activation = f});
      check_all_cells(model, randint(0, 30, {2, 6}, kInt64), seed, {}, 4);
    }
}

TEST_CASE("cells: layers on their own") {
  for (unsigned seed : {1u, 2u, 3u}) {
    manual_seed(seed);
    nn::Sequential net(nn::Linear(6, 8, {.bias = false}), nn::LayerNorm(8, {.bias = false}),
                       nn::GELU(), nn::Tanh(), nn::RMSNorm(8), nn::SiLU(), nn::Linear(8, 20),
                       nn::GELU({.approximate = "tanh"}), nn::Sigmoid(), nn::ReLU(),
                       nn::Dropout(0.5), nn::Identity(), nn::Softmax(1));
    check_all_cells(net, randn({3, 6}), seed, {}, 11);
    nn::MultiheadAttention attention(8, 2);
    check_all_cells(attention, randn({2, 5, 8}), seed, {}, 2);
    nn::MultiheadAttention plain(8, 2, {.bias = false});
    check_all_cells(plain, randn({2, 5, 8}), seed, {}, 2);
  }
}

TEST_CASE("cells: numbers of unusual size") {
  manual_seed(2);
  for (double scale : {1e-6, 1e-3, 1e3, 1e6}) {
    INFO(scale);
    nn::Sequential net(nn::Linear(6, 8), nn::LayerNorm(8), nn::Linear(8, 4));
    check_all_cells(net, randn({3, 6}) * scale, 1, {.digits = 0.05}, 3);
  }
  for (double scale : {1e12, 1e30}) {
    nn::Linear layer(3, 2);
    const Trace trace = proof::run_traced(layer, randn({1, 3}) * scale, {.dy = ones({1, 2})});
    const Cell cell = worked_cell(trace, "", {0, 1});
    CHECK(cell.by_hand == Approx(cell.model));
    CHECK(cell.from_digits == Approx(cell.by_hand));
  }
  nn::Linear layer(2, 1);
  const Trace trace = proof::run_traced(layer, full({1, 2}, HUGE_VAL), {.dy = ones({1, 1})});
  CHECK_THAT(worked_cell(trace, "", {0, 0}).text, Contains("inf"));
}

TEST_CASE("cells: a sum of very many terms is complete in groups") {
  manual_seed(5);
  nn::Linear layer(1500, 2);
  const Trace trace = proof::run_traced(layer, randn({1, 1500}), {.dy = ones({1, 2})});
  const Cell cell = worked_cell(trace, "", {0, 1});
  check_cell(cell, 1);
  CHECK_THAT(cell.text, Contains("the next 256 products add up to") &&
                            Contains("the sum of the 1500 products"));
  CHECK(recalculated(cell.text).equations > 500);
}
