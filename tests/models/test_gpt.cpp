// Tests models::GPT: its structure, hook points, gradients and learning.
#include <catch2/catch.hpp>

#include "tests/support/gpts.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using models::GPTConfig;

TEST_CASE("GPT: the presets have the published parameter counts") {
  struct Preset {
    const char* name;
    int64_t parameters;
  };
  // The published numbers.  They are compared with numbers computed from a model of one layer,
  // because a whole model is too large.
  for (const auto& [name, parameters] : {Preset{"gpt2", 124'439'808},
                                         {"gpt2-medium", 354'823'168},
                                         {"gpt2-large", 774'030'080},
                                         {"gpt2-xl", 1'557'611'200}}) {
    GPTConfig c = GPTConfig::preset(name);
    const int64_t layers = c.n_layer, embeddings = (c.vocab_size + c.block_size) * c.n_embd;
    c.n_layer = 1, c.vocab_size = 1, c.block_size = 1;
    GPT model(c, models::InitialValues::kNone);
    const int64_t ln_f = 2 * c.n_embd, block = model.parameter_count() - ln_f - 2 * c.n_embd;
    CHECK(embeddings + layers * block + ln_f == parameters);
  }
  CHECK(message_of<ValueError>([] { GPTConfig::preset("gpt5"); }) ==
        "GPTConfig: expected one of nano, gpt2, gpt2-medium, gpt2-large, gpt2-xl, got gpt5");
}

TEST_CASE("GPT: its parameters have Hugging Face's names, and a tied head is listed once") {
  GPT model(kSmallGPT);
  std::vector<std::string> names;
  for (auto& [name, p] : model.named_parameters())
    if (!name.starts_with("h.1.")) names.push_back(name);
  CHECK(names == std::vector<std::string>{
                     "wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.ln_1.bias",
                     "h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias", "h.0.attn.c_proj.weight",
                     "h.0.attn.c_proj.bias", "h.0.ln_2.weight", "h.0.ln_2.bias",
                     "h.0.mlp.c_fc.weight", "h.0.mlp.c_fc.bias", "h.0.mlp.c_proj.weight",
                     "h.0.mlp.c_proj.bias", "ln_f.weight", "ln_f.bias"});
}

TEST_CASE("GPT: forward_from any layer's residual stream gives the logits of forward") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    model.eval();
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(2, 5);
    const auto is_stream = [](const std::string& path) {
      return path.find("hook_resid") != std::string::npos;
    };
    const auto cache = nn::run_with_cache(model, ids, {.names = is_stream});
    for (int64_t layer = 0; layer < config.n_layer; ++layer) {
      const Tensor stream = cache["h." + std::to_string(layer) + ".hook_resid_pre"];
      CHECK(same_bits(model.forward_from(layer, stream), cache.output));
    }
    const std::string last = "h." + std::to_string(config.n_layer - 1) + ".hook_resid_post";
    CHECK(same_bits(model.forward_from(config.n_layer, cache[last]), cache.output));
  }
  GPT model(kSmallGPT);
  const Tensor stream = zeros({1, 2, kSmallGPT.n_embd});
  CHECK(message_of<ValueError>([&] { model.forward_from(kSmallGPT.n_layer + 1, stream); }) ==
        "GPT: expected a layer from 0 to " + std::to_string(kSmallGPT.n_layer) + ", got " +
            std::to_string(kSmallGPT.n_layer + 1));
  CHECK_THROWS_AS(model.forward_from(-1, stream), ValueError);
  CHECK_THROWS_AS(model.forward_from(0, zeros({2, kSmallGPT.n_embd})), ShapeError);
  CHECK_THROWS_AS(model.forward_from(0, zeros({1, 2, kSmallGPT.n_embd + 1})), ShapeError);
  CHECK_THROWS_AS(model.forward_from(0, zeros({1, kSmallGPT.block_size + 1, kSmallGPT.n_embd})),
                  ShapeError);
}

TEST_CASE("GPT: initial values are those of nanoGPT") {
  manual_seed(1);
  GPTConfig c = kSmallGPT;
  c.n_embd = 64, c.n_layer = 8;
  GPT model(c);
  for (auto& [name, p] : model.named_parameters()) {
    INFO(name);
    NoGradGuard unrecorded;
    const double deviation = std::sqrt(mean(p * p).item());
    if (name.ends_with("bias")) CHECK(deviation == 0);
    else if (p.rank() == 1) CHECK(deviation == 1);
    else CHECK(deviation == Approx(name.ends_with("c_proj.weight") ? 0.005 : 0.02).epsilon(0.1));
  }
}

TEST_CASE("GPT: a token's logits depend only on this token and the tokens before it") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(1, 9), logits = model(ids);
    for (int64_t changed = 0; changed < 9; ++changed) {
      Tensor others = ids.clone();
      others.mutable_data<int64_t>()[changed] = (ids[0][changed].item<int64_t>() + 1) % 19;
      const Tensor after = model(others);
      CHECK(max_difference(narrow(after, 1, 0, changed), narrow(logits, 1, 0, changed)) == 0);
      for (int64_t t = changed; t < 9; ++t)
        CHECK(max_difference(after.select(1, t), logits.select(1, t)) > 1e-4);
    }
  }
}

TEST_CASE("GPT: hooks at its hook points do not change the logits, and see the right values") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(2, 9), logits = model(ids);
    std::map<std::string, Tensor> seen;
    std::vector<std::unique_ptr<nn::ScopedHook>> hooks;
    for (auto& [path, module] : model.named_modules())
      if (dynamic_cast<nn::HookPoint*>(module))
        hooks.push_back(std::make_unique<nn::ScopedHook>(
            module->register_forward_hook([&seen](nn::Module& m, const Tensor&, const Tensor& y) {
              seen[m.path()] = y;
              return Tensor();
            })));
    CHECK(max_difference(model(ids), logits) <= 1e-5 * abs(logits).max().item());
    CHECK(seen.size() == (config.position == models::PositionKind::kLearned ? 2u : 1u) + 2 * 13);
    const int64_t groups = config.kv_heads();
    CHECK(seen["h.0.attn.hook_q"].shape() == Shape{2, 9, 4, 4});
    CHECK(seen["h.0.attn.hook_k"].shape() == Shape{2, 9, groups, 4});
    CHECK(seen["h.0.attn.hook_v"].shape() == Shape{2, 9, groups, 4});
    CHECK(seen["h.0.attn.hook_z"].shape() == Shape{2, 9, 4, 4});
    const Tensor pattern = seen["h.1.attn.hook_pattern"];
    CHECK(pattern.shape() == Shape{2, 4, 9, 9});
    CHECK(max_difference(sum(pattern, -1), ones({2, 4, 9})) < 1e-6);
    CHECK(max_difference(pattern, tril(pattern)) == 0);
    CHECK(max_difference(softmax(seen["h.1.attn.hook_attn_scores"], -1), pattern) < 1e-7);
    CHECK(max_difference(seen["h.0.hook_resid_pre"] + seen["h.0.hook_attn_out"],
                         seen["h.0.hook_resid_mid"]) == 0);
    CHECK(max_difference(seen["h.0.hook_resid_mid"] + seen["h.0.hook_mlp_out"],
                         seen["h.1.hook_resid_pre"]) == 0);
    CHECK(max_difference(model.lm_head((*model.ln_f)(seen["h.1.hook_resid_post"])), logits) <=
          1e-5 * abs(logits).max().item());
  }
}

TEST_CASE("GPT: a hook inside attention may replace values, also with a cache") {
  GPT model = noisy_gpt(kSmallGPT, 0.2);
  NoGradGuard unrecorded;
  const Tensor ids = small_gpt_ids(1, 6), logits = model(ids);
  for (const char* point :
       {"hook_q", "hook_k", "hook_v", "hook_attn_scores", "hook_pattern", "hook_z"}) {
    INFO(point);
    nn::ScopedHook hook(model.find(std::string("h.0.attn.") + point)
                            .register_forward_hook([](nn::Module&, const Tensor&, const Tensor& y) {
                              return y * 0.5;
                            }));
    const Tensor changed = model(ids);
    CHECK(max_difference(changed, logits) > 1e-3);
    nn::KVCache cache = model.make_cache();
    model.next_logits(narrow(ids, 1, 0, 4), cache);
    model.next_logits(narrow(ids, 1, 4, 1), cache);
    CHECK(max_difference(model.next_logits(narrow(ids, 1, 5, 1), cache), changed.select(1, 5)) <
          1e-5);
  }
  CHECK(max_difference(model(ids), logits) == 0);
}

TEST_CASE("GPT: float32 logits, loss and gradients are those of float64") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2), exact = nn::clone(model, config);
    exact.to(kFloat64);
    const Tensor ids = small_gpt_ids(2, 12), targets = small_gpt_ids(2, 12);
    CHECK(max_difference(model(ids), exact(ids)) < 1e-5);
    const Tensor loss = model.loss(ids, targets);
    CHECK(loss.item() == Approx(cross_entropy(exact(ids), targets).item()).epsilon(1e-6));
    loss.backward();
    exact.loss(ids, targets).backward();
    const NamedTensors p = model.named_parameters(), q = exact.named_parameters();
    for (size_t i = 0; i < p.size(); ++i) {
      INFO(p[i].first);
      const Tensor error = p[i].second.grad().to(kFloat64) - q[i].second.grad();
      CHECK(norm(error).item() <= 1e-5 * norm(q[i].second.grad()).item());
    }
  }
}

TEST_CASE("GPT: loss does not store more than kMostLogits logits, unless a hook sees them") {
  GPT model({.block_size = 128, .vocab_size = 600'000, .n_layer = 1, .n_head = 1, .n_embd = 2},
            models::InitialValues::kNone);
  NoGradGuard unrecorded;
  for (Tensor& p : model.parameters()) p.fill_(0);
  model.wte.weight[7].fill_(3);
  model.ln_f->parameters()[1].fill_(0.5);  // so token 7 has the logit 3
  const Tensor ids = zeros({1, 112}, kInt64), targets = full({1, 112}, 7, kInt64);
  REQUIRE(112 * 600'000 > GPT::kMostLogits);
  const auto peak_of_loss = [&] {
    const Tensor ballast =
        empty({std::max<int64_t>(0, memory_stats().peak - live_bytes())}, kUInt8);
    const int64_t start = live_bytes();
    CHECK(model.loss(ids, targets).item() ==
          Approx(std::log(599'999 + std::exp(3)) - 3).epsilon(1e-4));
    return memory_stats().peak - start;
  };
  CHECK(peak_of_loss() < 16 << 20);
  Shape seen;
  nn::ScopedHook hook(
      model.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& logits) {
        seen = logits.shape();
        return Tensor();
      }));
  CHECK(peak_of_loss() >= 112 * 600'000 * 4);
  CHECK(seen == Shape{1, 112, 600'000});
}

TEST_CASE("GPT: a layer outside of a model computes the same as inside") {
  for (const auto& [name, config] : kSmallGPTs) {
    INFO(name);
    GPT model = noisy_gpt(config, 0.2);
    NoGradGuard unrecorded;
    const Tensor ids = small_gpt_ids(2, 9), logits = model(ids);
    Tensor x = model.wte(ids);
    if (model.wpe) x = x + (*model.wpe)(arange(9));
    for (models::Block& block : model.h) x = block(x);
    CHECK(max_difference(model.lm_head((*model.ln_f)(x)), logits) == 0);
    const Tensor y = randn({2, 9, 16}), whole = model.h[0].attn(y);
    nn::KVCache cache = model.make_cache(2);
    for (const auto& [from, to] : {std::pair{0, 4}, {4, 9}}) {
      const Tensor part = y.slice(1, from, to);
      const Tensor z = model.h[0].attn(part, model.h[0].attn.prepare(part, &cache), 0);
      CHECK(max_difference(z, whole.slice(1, from, to)) < 1e-5);
      cache.advance(to - from);
    }
  }
}

TEST_CASE("GPT: hooked and fused attention have the same gradients") {
  GPT model = noisy_gpt(kSmallGPT, 0.2);
  const Tensor ids = small_gpt_ids(2, 8), targets = small_gpt_ids(2, 8);
  const auto gradients = [&] {
    model.zero_grad();
    model.loss(ids, targets).backward();
    std::vector<Tensor> all;
    for (Tensor& p : model.parameters()) all.push_back(p.grad().clone());
    return all;
  };
  const std::vector<Tensor> fused = gradients();
  nn::ScopedHook hook(model.find("h.1.attn.hook_pattern")
                          .register_forward_hook(
                              [](nn::Module&, const Tensor&, const Tensor&) { return Tensor(); }));
  const std::vector<Tensor> hooked = gradients();
  for (size_t i = 0; i < fused.size(); ++i) CHECK(max_difference(fused[i], hooked[i]) < 1e-5);
}

TEST_CASE("GPT: a tiny model learns a text by heart") {
  for (auto [name, config] : kSmallGPTs) {
    INFO(name);
    manual_seed(5);
    GPT model(config);
    optim::AdamW opt(model.named_parameters(), {.lr = 1e-2, .weight_decay = 0});
    const Tensor text = small_gpt_ids(1, 13), ids = narrow(text, 1, 0, 12),
                 targets = narrow(text, 1, 1, 12);
    double loss = 0;
    for (int step = 0; step < 150; ++step) {
      Tensor y = model.loss(ids, targets);
      loss = y.item();
      y.backward();
      opt.step();
      opt.zero_grad();
    }
    CHECK(loss < 0.02);
  }
}

TEST_CASE("GPT: dropout is used only in training") {
  GPTConfig c = kSmallGPT;
  c.dropout = 0.3;
  GPT model = noisy_gpt(c, 0.2);
  NoGradGuard unrecorded;
  const Tensor ids = small_gpt_ids(2, 6);
  manual_seed(1);
  const Tensor first = model(ids), second = model(ids);
  CHECK(max_difference(first, second) > 1e-3);
  manual_seed(1);
  CHECK(same_bits(model(ids), first));
  model.eval();
  CHECK(same_bits(model(ids), model(ids)));
}

TEST_CASE("GPT: dropout drops from the pattern too, in fused and in separate ops") {
  NoGradGuard unrecorded;
  for (const bool turns : {false, true})
    for (const bool is_hooked : {false, true}) {
      GPTConfig c = kSmallGPT;
      c.dropout = 0.3;
      if (turns) c.position = models::PositionKind::kRotary;
      GPT model = noisy_gpt(c, 0.2);
      model.drop.p = 0;  // only the pattern keeps its dropout
      for (models::Block& block : model.h) {
        block.attn.resid_dropout.p = block.mlp.dropout.p = 0;
        if (is_hooked)
          block.attn.hook_pattern.register_forward_hook(
              [](nn::Module&, const Tensor&, const Tensor&) { return Tensor(); });
      }
      const Tensor ids = small_gpt_ids(2, 6);
      CAPTURE(turns, is_hooked);
      CHECK(max_difference(model(ids), model(ids)) > 1e-3);
      for (models::Block& block : model.h) block.attn.attn_dropout.p = 0;
      CHECK(same_bits(model(ids), model(ids)));
    }
}

TEST_CASE("GPT: configurations and arguments that do not fit are refused by name") {
  const auto refused = [](auto change) {
    GPTConfig c = kSmallGPT;
    change(c);
    return message_of<ShapeError>([&] { GPT model(c); });
  };
  CHECK(refused([](GPTConfig& c) { c.n_head = 3; }) ==
        "CausalSelfAttention: expected a positive n_embd that the number of heads divides, got "
        "n_embd 16 and 3 heads");
  CHECK(refused([](GPTConfig& c) { c.n_kv_head = 3; }) ==
        "CausalSelfAttention: expected an n_kv_head that divides n_head (4), got 3");
  CHECK(refused([](GPTConfig& c) { c.n_layer = 0; }) == "GPT: expected n_layer >= 1, got 0");
  CHECK(refused([](GPTConfig& c) { c.vocab_size = -1; }) ==
        "GPT: expected vocab_size >= 1, got -1");
  CHECK(refused([](GPTConfig& c) {
          c.n_head = 16;
          c.position = models::PositionKind::kRotary;
        }) == "CausalSelfAttention: expected an even head size, because rope rotates pairs, got 1");
  GPT model = noisy_gpt(kSmallGPT, 0.2);
  CHECK(message_of<ShapeError>([&] {
          model(small_gpt_ids(1, 13));
        }).starts_with("GPT: expected a context of at most 12 tokens, got 13"));
  CHECK(message_of<ShapeError>([&] {
          model(zeros({1, 0}, kInt64));
        }).starts_with("GPT: expected ids (batch, time), at least one, got "));
  CHECK(message_of<Error>([&] {
          model(full({1, 2}, 19, kInt64));
        }).find("19") != std::string::npos);
  CHECK(message_of<Error>([&] {
          model(full({1, 2}, -1, kInt64));
        }).find("-1") != std::string::npos);
  nn::KVCache cache = model.make_cache(2);
  CHECK(message_of<ShapeError>([&] {
          model.next_logits(small_gpt_ids(3, 1), cache);
        }).starts_with("GPT: expected ids of 2 texts, as the cache has, got ids (3, 1)"));
  CHECK(message_of<ShapeError>([&] {
          cache.extend(2, small_gpt_ids(1, 1), small_gpt_ids(1, 1));
        }) == "KVCache: expected a layer from 0 to 1, got 2");
  CHECK(message_of<ShapeError>([&] {
          cache.extend(0, zeros({1, 4, 3, 4}), zeros({1, 4, 3, 4}));
        }) == "KVCache: expected keys and values (2, 4, 3, 4), got (1, 4, 3, 4) and (1, 4, 3, 4)");
  CHECK(message_of<DTypeError>([&] {
          cache.extend(0, zeros({2, 4, 3, 4}), zeros({2, 4, 3, 4}, kFloat64));
        }) == "KVCache: expected keys and values for a cache in float32, got float32 and float64");
  CHECK(message_of<GraphError>([&] {
          const Tensor x = randn({2, 1, 16});
          model.h[0](x, model.h[0].attn.prepare(x, &cache), 0);
        }).find("KVCache: expected keys and values without a graph") != std::string::npos);
  {
    NoGradGuard unrecorded;
    const Tensor x = randn({2, 1, 16});
    const nn::AttentionShared before = model.h[0].attn.prepare(x, &cache);
    model.next_logits(small_gpt_ids(2, 3), cache);
    CHECK(message_of<ValueError>([&] {
            model.h[0](x, before, 0);
          }).find("as it is now, with 3 tokens, got values for 0") != std::string::npos);
    cache.clear();
    cache.set_padding({0, 1});
    CHECK_THROWS_AS(model.h[0].attn(x, {.cache = &cache}, 0), ValueError);
    cache.clear();
  }
  CHECK(message_of<DTypeError>([] {
          nn::KVCache({1, 1, 1, 1, 1, kBFloat16});
        }).starts_with("KVCache: expected float32 or float64, got bfloat16"));
  CHECK(message_of<ShapeError>([&] { cache.set_padding({1}); }) ==
        "KVCache: expected padding for 2 texts, got 1");
}

TEST_CASE("MultiheadAttention: all positions, or the positions of a mask; computed by hand") {
  manual_seed(2);
  nn::MultiheadAttention layer(6, 2);
  const Tensor x = randn({2, 3, 6}), memory = randn({2, 5, 6});
  const Tensor y = layer(x, memory, memory);
  NoGradGuard unrecorded;
  Tensor parts[3];
  for (int64_t i = 0; i < 3; ++i)
    parts[i] = matmul(i == 0 ? x : memory, narrow(layer.in_proj_weight, 0, 6 * i, 6).t())
                   .reshape({2, -1, 2, 3})
                   .transpose(1, 2);
  const Tensor pattern = softmax(matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(3.0), -1);
  const Tensor z = matmul(pattern, parts[2]).transpose(1, 2).reshape({2, 3, 6});
  CHECK(max_difference(y, layer.out_proj(z)) < 1e-6);
  CHECK(max_difference(layer(x), layer(x, x, x)) == 0);
  Tensor seen = zeros({3, 5}).to(kBool);
  for (int64_t i : {0, 6, 12}) seen.mutable_data<bool>()[i] = true;
  const Tensor own = layer(x, memory, memory, {.mask = seen});
  const Tensor v = parts[2].slice(2, 0, 3).transpose(1, 2).reshape({2, 3, 6});
  CHECK(max_difference(own, layer.out_proj(v)) < 1e-6);
  CHECK(message_of<ShapeError>([&] {
          layer(x, randn({2, 5, 7}), memory);
        }).starts_with("MultiheadAttention: expected q, k and v (batch, time, 6), got (2, 5, 7)"));
}
