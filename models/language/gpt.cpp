// Makes a GPT and computes its logits and loss, with and without a cache.
#include "models/language/gpt.h"

#include <cmath>

#include "models/language/gpt_config.h"
#include "models/layers/init.h"

namespace vitro::models {

namespace {

const GPTConfig& checked(const GPTConfig& c) {
  for (const auto& [name, n] : {std::pair{"block_size", c.block_size},
                                {"vocab_size", c.vocab_size},
                                {"n_layer", c.n_layer},
                                {"n_head", c.n_head},
                                {"n_embd", c.n_embd}})
    check<ShapeError>(n >= 1, "GPT: expected ", name, " >= 1, got ", n);
  check<ShapeError>(c.n_kv_head >= 0 && c.n_inner >= 0,
                    "GPT: expected n_kv_head and n_inner >= 0, got ", c.n_kv_head, " and ",
                    c.n_inner);
  return c;
}

std::unique_ptr<nn::Module> make_norm(const GPTConfig& c) {
  if (c.norm == NormKind::kRMSNorm)
    return std::make_unique<nn::RMSNorm>(c.n_embd, nn::RMSNormOptions{.eps = c.norm_eps});
  return std::make_unique<nn::LayerNorm>(c.n_embd,
                                         nn::LayerNormOptions{.eps = c.norm_eps, .bias = c.bias});
}

nn::Linear make_linear(int64_t in, int64_t out, bool bias) {
  return nn::Linear(in, out, {.bias = bias, .initialize = false});
}

nn::CausalSelfAttention make_attention(const GPTConfig& c) {
  nn::CausalSelfAttentionOptions options{.n_kv_head = c.n_kv_head,
                                         .dropout = c.dropout,
                                         .attn_dropout = c.attn_dropout(),
                                         .bias = c.bias,
                                         .initialize = false};
  if (c.position == PositionKind::kRotary) options.rope_base = c.rope_base;
  return nn::CausalSelfAttention(c.n_embd, c.n_head, options);
}

void initialize(nn::Module& module, const GPTConfig& c, InitialValues values) {
  if (values == InitialValues::kNone) return;
  const double onto_residual = 0.02 / std::sqrt(2.0 * static_cast<double>(c.n_layer));
  NoGradGuard unrecorded;
  for (auto& [name, p] : module.named_parameters()) {
    if (name.ends_with(".bias")) nn::init::zeros_(p);
    else if (name.ends_with("c_proj.weight")) nn::init::normal_(p, 0, onto_residual);
    else if (p.rank() == 2) nn::init::normal_(p, 0, 0.02);
  }
}

}  // namespace

GPTConfig GPTConfig::preset(const std::string& name) {
  if (name == "nano") return {.block_size = 64, .n_layer = 4, .n_head = 4, .n_embd = 128};
  if (name == "gpt2") return {};
  if (name == "gpt2-medium") return {.n_layer = 24, .n_head = 16, .n_embd = 1024};
  if (name == "gpt2-large") return {.n_layer = 36, .n_head = 20, .n_embd = 1280};
  if (name == "gpt2-xl") return {.n_layer = 48, .n_head = 25, .n_embd = 1600};
  fail<ValueError>("GPTConfig: expected one of nano, gpt2, gpt2-medium, gpt2-large, gpt2-xl, got ",
                   name);
}

MLP::MLP(const GPTConfig& c, InitialValues values)
    : c_fc(make_linear(c.n_embd, c.inner(), c.bias)),
      c_proj(make_linear(c.inner(), c.n_embd, c.bias)),
      dropout(c.dropout),
      activation(c.mlp == MLPKind::kGeluErf ? Activation::kGelu : Activation::kGeluTanh) {
  if (c.mlp == MLPKind::kSwiGLU)
    c_gate = std::make_unique<nn::Linear>(make_linear(c.n_embd, c.inner(), c.bias));
  initialize(*this, c, values);
}

Tensor MLP::forward(const Tensor& x) {
  if (c_gate) return dropout(c_proj(hook_post(silu(hook_pre((*c_gate)(x))) * c_fc(x))));
  const Tensor a =
      hook_pre.is_hooked() ? activate(hook_pre(c_fc(x)), activation) : c_fc(x, activation);
  return dropout(c_proj(hook_post(a)));
}

Block::Block(const GPTConfig& c, InitialValues values)
    : ln_1(make_norm(c)),
      attn(make_attention(c)),
      ln_2(make_norm(c)),
      mlp(c, InitialValues::kNone) {
  initialize(*this, c, values);
}

Tensor Block::run(const Tensor& in, const nn::AttentionShared& shared, int64_t layer) {
  const Tensor x = hook_resid_pre(in), normed = (*ln_1)(x), mixed = attn(normed, shared, layer),
               mid = hook_resid_mid(x + hook_attn_out(mixed));
  return hook_resid_post(mid + hook_mlp_out(mlp((*ln_2)(mid))));
}

GPT::GPT(const GPTConfig& c, InitialValues values)
    : config(checked(c)),
      wte(c.vocab_size, c.n_embd, {.initialize = false}),
      drop(c.embd_dropout()),
      ln_f(make_norm(c)),
      lm_head(make_linear(c.n_embd, c.vocab_size, false)) {
  if (c.position == PositionKind::kLearned)
    wpe = std::make_unique<nn::Embedding>(c.block_size, c.n_embd,
                                          nn::EmbeddingOptions{.initialize = false});
  for (int64_t i = 0; i < c.n_layer; ++i) h.emplace_back(c, InitialValues::kNone);
  if (c.tied_head) lm_head.weight = wte.weight;
  initialize(*this, c, values);
}

Tensor GPT::trunk(const Tensor& ids, nn::KVCache* cache) {
  const int64_t time = ids.size(1), before = cache ? cache->length() : 0;
  check<ShapeError>(before + time <= config.block_size, "GPT: expected a context of at most ",
                    config.block_size, " tokens, got ", before + time);
  Tensor x = hook_embed(wte(ids));
  if (wpe)
    x = x +
        hook_pos_embed((*wpe)(cache ? cache->positions(time) : arange(static_cast<double>(time))));
  x = drop(x);
  x = blocks(std::move(x), 0, h[0].attn.prepare(ids, cache));
  if (!cache) return (*ln_f)(x);
  return (*ln_f)(narrow(x, 1, time - 1, 1));
}

Tensor GPT::blocks(Tensor x, size_t layer, const nn::AttentionShared& shared) {
  for (size_t i = layer; i < h.size(); ++i) x = h[i](x, shared, static_cast<int64_t>(i));
  return x;
}

static void check_ids(const Tensor& ids) {
  check<ShapeError>(ids.rank() == 2 && ids.numel() > 0,
                    "GPT: expected ids (batch, time), at least one, got ", ids.shape());
}

Tensor GPT::forward(const Tensor& ids) {
  if (ids.rank() == 1) return squeeze(forward(unsqueeze(ids, 0)), 0);
  check_ids(ids);
  return lm_head(trunk(ids, nullptr));
}

Tensor GPT::loss(const Tensor& ids, const Tensor& targets, const CrossEntropyOptions& options) {
  check_ids(ids);
  const int64_t logits = ids.numel() * config.vocab_size;
  if (logits <= kMostLogits || is_hooked() || lm_head.is_hooked())
    return cross_entropy((*this)(ids), targets, options);
  return call(ids, [&](const Tensor& in) {
    return linear_cross_entropy(trunk(in, nullptr), lm_head.weight, targets, options);
  });
}

Tensor GPT::forward_from(int64_t layer, const Tensor& stream) {
  check<ShapeError>(stream.rank() == 3 && stream.size(2) == config.n_embd && stream.numel() > 0,
                    "GPT: expected a residual stream (batch, time, ", config.n_embd, "), got ",
                    stream.shape());
  check<ShapeError>(stream.size(1) <= config.block_size, "GPT: expected a context of at most ",
                    config.block_size, " tokens, got ", stream.size(1));
  check<ValueError>(0 <= layer && layer <= config.n_layer, "GPT: expected a layer from 0 to ",
                    config.n_layer, ", got ", layer);
  return call(stream, [&](const Tensor& x) {
    const nn::AttentionShared shared = h[0].attn.prepare(x);
    return lm_head((*ln_f)(blocks(x, static_cast<size_t>(layer), shared)));
  });
}

nn::KVCache GPT::make_cache(int64_t batch, int64_t capacity) {
  check<ShapeError>(capacity <= config.block_size, "GPT: expected a cache of at most ",
                    config.block_size, " tokens, got ", capacity);
  return nn::KVCache({.n_layer = config.n_layer,
                      .batch = batch,
                      .n_kv_head = config.kv_heads(),
                      .capacity = capacity ? capacity : config.block_size,
                      .head_size = config.n_embd / config.n_head,
                      .dtype = accumulation_dtype(wte.weight.dtype())});
}

Tensor GPT::next_logits(const Tensor& ids, nn::KVCache& cache) {
  check_ids(ids);
  check<ShapeError>(ids.size(0) == cache.batch(), "GPT: expected ids of ", cache.batch(),
                    " texts, as the cache has, got ids ", ids.shape());
  NoGradGuard unrecorded;
  int64_t time = 0;
  const Tensor logits = call(ids, [&](const Tensor& in) {
    time = in.size(1);
    return squeeze(lm_head(trunk(in, &cache)), 1);
  });
  cache.advance(time);  // last: a call that fails does not change the cache
  return logits;
}

int64_t GPT::cache_bytes() const {
  return 2 * config.n_layer * config.kv_heads() * (config.n_embd / config.n_head) *
         config.block_size *
         static_cast<int64_t>(item_size(accumulation_dtype(wte.weight.dtype())));
}

void GPT::set_dropout(double p) {
  LanguageModel::set_dropout(p);
  config.dropout = p;
  config.embd_pdrop = config.attn_pdrop = {};
}

std::string GPT::config_json() const { return to_json(config); }

std::string GPT::describe() const {
  std::ostringstream text;
  text << "GPT(" << config.n_layer << " layers, " << config.n_head << " heads, n_embd "
       << config.n_embd << ", vocabulary " << config.vocab_size << ", block " << config.block_size
       << ")";
  return text.str();
}

}  // namespace vitro::models
