// models::GPT against the goldens of PyTorch: logits, loss, every gradient, ten training steps.
#include <catch2/catch.hpp>
#include <fstream>

#include "framework/safetensors.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

TEST_CASE("weights and ids by formula are those of formula.py") {
  const std::string folder = VITRO_SOURCE_DIR "/tests/golden/hf/gpt2/";
  const Safetensors file = load_safetensors(folder + "model.safetensors");
  int compared = 0;
  for (const auto& [name, stored] : file.tensors) {
    if (name.ends_with(".attn.bias")) continue;  // a mask
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
  std::ifstream in(folder + "expected.json");
  const auto rows = nlohmann::json::parse(in).at("ids").get<std::vector<std::vector<int64_t>>>();
  const Tensor ids = formula_batch("ids", 2, 8, 17).ids;
  for (size_t b = 0; b < 2; ++b)
    CHECK(std::equal(rows[b].begin(), rows[b].end(), ids.data<int64_t>() + 8 * b));
}
