// Tests ActivationCache: it has all outputs under both names, and does not change the logits.
#include <catch2/catch.hpp>
#include <set>

#include "tests/support/gpts.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using nn::ActivationCache;
using nn::run_with_cache;

namespace {

constexpr models::GPTConfig kTwelveLayers{
    .block_size = 8, .vocab_size = 11, .n_layer = 12, .n_head = 2, .n_embd = 6};

Tensor some_ids() { return tensor({{3, 1, 4, 1, 5}, {9, 2, 6, 10, 0}}, kInt64); }

}  // namespace

TEST_CASE("activation cache: every module and hook point is kept, and the output is the model's") {
  GPT model = noisy_gpt(kTwelveLayers, 0.1, /*seed=*/4);
  NoGradGuard unrecorded;
  const Tensor logits = model(some_ids());
  const ActivationCache cache = run_with_cache(model, some_ids());
  CHECK(max_difference(cache.output, logits) <= 1e-5);
  std::set<std::string> expected;
  for (const auto& [path, module] : model.named_modules())
    if (!path.empty() && path != "h.0.attn.attn_dropout") expected.insert(path);
  const std::vector<std::string> names = cache.names();
  for (const std::string& path : expected)
    if (path.find("dropout") == std::string::npos) CHECK(cache.contains(path));
  CHECK(names.size() == static_cast<size_t>(cache.size()));
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  CHECK(same_bits(cache["lm_head"], cache.output));
  CHECK(max_difference(cache["h.0.hook_resid_pre"], cache["hook_embed"] + cache["hook_pos_embed"]) <
        1e-6);
  CHECK(max_difference(cache["h.3.hook_resid_mid"],
                       cache["h.3.hook_resid_pre"] + cache["h.3.hook_attn_out"]) < 1e-6);
  CHECK(max_difference(sum(cache["h.11.attn.hook_pattern"], -1), ones({2, 2, 5})) < 1e-6);
  // run_with_cache removes its hooks.
  for (nn::Module* module : model.modules()) CHECK(!module->is_hooked());
  CHECK(same_bits(model(some_ids()), logits));
}

TEST_CASE("activation cache: TransformerLens's names mean the same tensors") {
  GPT model = noisy_gpt(kTwelveLayers, 0.1, /*seed=*/4);
  NoGradGuard unrecorded;
  const ActivationCache cache = run_with_cache(model, some_ids());
  for (const auto& [lens, path] : {std::pair{"hook_embed", "hook_embed"},
                                   {"hook_pos_embed", "hook_pos_embed"},
                                   {"blocks.0.hook_resid_pre", "h.0.hook_resid_pre"},
                                   {"blocks.10.hook_resid_mid", "h.10.hook_resid_mid"},
                                   {"blocks.11.hook_resid_post", "h.11.hook_resid_post"},
                                   {"blocks.1.hook_attn_out", "h.1.hook_attn_out"},
                                   {"blocks.1.hook_mlp_out", "h.1.hook_mlp_out"},
                                   {"blocks.2.attn.hook_q", "h.2.attn.hook_q"},
                                   {"blocks.2.attn.hook_k", "h.2.attn.hook_k"},
                                   {"blocks.2.attn.hook_v", "h.2.attn.hook_v"},
                                   {"blocks.2.attn.hook_z", "h.2.attn.hook_z"},
                                   {"blocks.2.attn.hook_attn_scores", "h.2.attn.hook_attn_scores"},
                                   {"blocks.2.attn.hook_pattern", "h.2.attn.hook_pattern"},
                                   {"blocks.3.mlp.hook_pre", "h.3.mlp.hook_pre"},
                                   {"blocks.3.mlp.hook_post", "h.3.mlp.hook_post"},
                                   {"blocks.4.ln1.hook_normalized", "h.4.ln_1"},
                                   {"blocks.4.ln2.hook_normalized", "h.4.ln_2"},
                                   {"ln_final.hook_normalized", "ln_f"}}) {
    INFO(lens);
    CHECK(nn::path_of_lens_name(lens) == path);
    CHECK(nn::lens_name_of_path(path) == lens);
    REQUIRE(cache.contains(lens));
    CHECK(cache[lens].impl() == cache[path].impl());
  }
  for (const char* none : {"blocks..hook_resid_pre", "blocks.x.hook_resid_pre", "blocks.12.hook_q",
                           "blocks.0.ln1.hook_scale", "blocks.99.hook_resid_pre", ""}) {
    INFO(none);
    CHECK(!cache.contains(none));
  }
  for (const char* none : {"blocks..hook_resid_pre", "blocks.x.hook_resid_pre"})
    CHECK(nn::path_of_lens_name(none) == none);
}

TEST_CASE("activation cache: only the selected outputs are kept, by either name") {
  GPT model = noisy_gpt(kTwelveLayers, 0.1, /*seed=*/4);
  NoGradGuard unrecorded;
  const auto kept = [&](auto predicate) {
    return run_with_cache(model, some_ids(), {.names = predicate}).names();
  };
  using Names = std::vector<std::string>;
  CHECK(kept([](const std::string& name) { return name == "h.1.attn.hook_pattern"; }) ==
        Names{"h.1.attn.hook_pattern"});
  CHECK(kept([](const std::string& name) { return name == "blocks.1.ln1.hook_normalized"; }) ==
        Names{"h.1.ln_1"});
  CHECK(kept([](const std::string& name) { return name.ends_with("hook_resid_post"); }).size() ==
        12);
  CHECK(kept([](const std::string&) { return false; }).empty());
  const ActivationCache cache = run_with_cache(
      model, some_ids(), {.names = [](const std::string& name) { return name == "ln_f"; }});
  CHECK(message_of<ValueError>([&] { cache["h.0.ln_1"]; }) ==
        "ActivationCache: expected the name of a kept output, got 'h.0.ln_1'; the kept outputs "
        "are: ln_f");
}

TEST_CASE("activation cache: if a module runs twice, only its last output is kept") {
  struct Twice final : nn::Module {
    nn::Linear layer{2, 2};
    void members(nn::Visitor& v) override { v("layer", layer); }
    Tensor forward(const Tensor& x) override { return layer(layer(x)); }
  } model;
  NoGradGuard unrecorded;
  const ActivationCache cache = run_with_cache(model, ones({1, 2}));
  CHECK(cache.names() == std::vector<std::string>{"layer"});
  CHECK(same_bits(cache["layer"], cache.output));
}

TEST_CASE("activation cache: kept outputs have gradients") {
  GPT model = noisy_gpt(kTwelveLayers, 0.1, /*seed=*/4);
  const ActivationCache cache = run_with_cache(model, some_ids());
  const Tensor x = cache["h.5.hook_resid_post"];
  const Tensor dx = grad({cache.output.sum()}, {x})[0];
  CHECK(dx.shape() == x.shape());
  CHECK(norm(dx).item() > 0);
}

TEST_CASE("activation cache: a run that fails leaves no hook") {
  GPT model = noisy_gpt(kTwelveLayers, 0.1, /*seed=*/4);
  CHECK_THROWS_AS(run_with_cache(model, zeros({1, 9}, kInt64)), ShapeError);
  for (nn::Module* module : model.modules()) CHECK(!module->is_hooked());
}
