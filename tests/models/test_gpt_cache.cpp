// Tests models::GPT with a cache: the logits equal the logits of the whole text without a cache.
#include <catch2/catch.hpp>

#include "tests/support/gpts.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using models::GPTConfig;

TEST_CASE("GPT: logits with a cache equal the logits of the whole text, at every position") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(3, 12), logits = model(ids);
    const double bound = 1e-5 * abs(logits).max().item();
    for (int64_t prompt : {1, 2, 7, 12}) {
      nn::KVCache cache = model.make_cache(3);
      CHECK(max_difference(model.next_logits(narrow(ids, 1, 0, prompt), cache),
                           logits.select(1, prompt - 1)) <= bound);
      for (int64_t t = prompt; t < 12; ++t)
        CHECK(max_difference(model.next_logits(narrow(ids, 1, t, 1), cache), logits.select(1, t)) <=
              bound);
      CHECK(cache.length() == 12);
      CHECK(message_of<ShapeError>([&] {
              model.next_logits(narrow(ids, 1, 0, 1), cache);
            }).starts_with("GPT: expected a context of at most 12 tokens, got 13"));
      cache.clear();
      CHECK(max_difference(model.next_logits(narrow(ids, 1, 0, 5), cache), logits.select(1, 4)) <=
            bound);
    }
  }
}

TEST_CASE(
    "GPT: the cache of a bfloat16 model is float32, and its logits are close to exact logits") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    model.to(kBFloat16);
    GPT exact = nn::clone(model, config);
    exact.to(kFloat64);
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(2, 9), logits = exact(ids);
    nn::KVCache cache = model.make_cache(2), wide = exact.make_cache(2);
    CHECK(2 * cache.bytes() == wide.bytes());
    model.next_logits(narrow(ids, 1, 0, 5), cache);
    for (int64_t t = 5; t < 9; ++t) {
      const Tensor last = model.next_logits(narrow(ids, 1, t, 1), cache);
      CHECK(last.dtype() == kBFloat16);
      CHECK(norm(last.to(kFloat64) - logits.select(1, t)).item() <=
            2e-2 * norm(logits.select(1, t)).item());
    }
    CHECK_FALSE(
        message_of<DTypeError>([&] { exact.next_logits(narrow(ids, 1, 0, 1), cache); }).empty());
  }
}

TEST_CASE("GPT: texts of different lengths in one batch have the logits of single texts") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    NoGradGuard unrecorded;
    const std::vector<int64_t> lengths = {7, 3, 1};
    const Tensor ids = small_gpt_ids(3, 10);
    nn::KVCache cache = model.make_cache(3);
    cache.set_padding({0, 4, 6});
    Tensor last = model.next_logits(narrow(ids, 1, 0, 7), cache);
    for (int64_t t = 7;; ++t) {
      for (int64_t b = 0; b < 3; ++b) {
        const int64_t padding = 7 - lengths[static_cast<size_t>(b)];
        const Tensor own = ids[b].slice(0, padding, t), alone = model(own).select(0, -1);
        CHECK(max_difference(last[b], alone) <= 1e-5 * abs(alone).max().item());
      }
      if (t == 10) break;
      last = model.next_logits(narrow(ids, 1, t, 1), cache);
    }
  }
}

TEST_CASE("GPT: a forward that fails does not change the cache") {
  GPT model = noisy_gpt(kSmallGPT, 0.2);
  NoGradGuard unrecorded;
  const Tensor ids = small_gpt_ids(1, 6);
  nn::KVCache cache = model.make_cache();
  model.next_logits(narrow(ids, 1, 0, 3), cache);
  for (const char* module : {"", "ln_f", "lm_head", "h.1.mlp"}) {
    nn::ScopedHook hook(model.find(module).register_forward_hook(
        [](nn::Module&, const Tensor&, const Tensor&) -> Tensor { throw ValueError("no"); }));
    CHECK_THROWS_AS(model.next_logits(narrow(ids, 1, 3, 3), cache), ValueError);
    CHECK(cache.length() == 3);
  }
  const Tensor logits = model(ids).select(1, 5);
  CHECK(max_difference(model.next_logits(narrow(ids, 1, 3, 3), cache), logits) <=
        1e-5 * abs(logits).max().item());
}

TEST_CASE("GPT: a cache and its clone do not change each other") {
  static_assert(!std::is_copy_constructible_v<nn::KVCache>);
  GPT model = noisy_gpt(kSmallGPT, 0.2);
  NoGradGuard unrecorded;
  const Tensor ids = small_gpt_ids(2, 12);
  nn::KVCache cache = model.make_cache(2);
  cache.set_padding({0, 1});
  model.next_logits(narrow(ids, 1, 0, 6), cache);
  nn::KVCache copy = cache.clone();
  const Tensor own = model.next_logits(narrow(ids, 1, 6, 2), cache).clone();
  model.next_logits(narrow(ids, 1, 9, 3), copy);
  CHECK(cache.length() == 8);
  CHECK(copy.length() == 9);
  nn::KVCache again = model.make_cache(2);
  again.set_padding({0, 1});
  model.next_logits(narrow(ids, 1, 0, 6), again);
  CHECK(same_bits(model.next_logits(narrow(ids, 1, 6, 2), again), own));
  CHECK(max_difference(model.next_logits(narrow(ids, 1, 8, 1), cache),
                       model.next_logits(narrow(ids, 1, 8, 1), again)) == 0);
}
