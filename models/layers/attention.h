// The attention layers: CausalSelfAttention and MultiheadAttention.
#pragma once
#include "kv_cache.h"
#include "layers.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Options of CausalSelfAttention.
struct CausalSelfAttentionOptions {
  int64_t n_kv_head = 0;                    // heads of keys and values; 0: n_head
  double dropout = 0;                       // of the result and the pattern, while training
  std::optional<double> attn_dropout = {};  // of the pattern; without a value: `dropout`
  bool bias = true;                         // whether c_attn and c_proj have a bias
  std::optional<double> rope_base = {};  // with a value, rope rotates queries and keys by position
  bool initialize = true;                // as in LinearOptions
};

// The values that all layers share in one forward.
struct AttentionShared {
  KVCache* cache = nullptr;       // null: no cache
  int64_t start = 0;              // the number of tokens in the cache
  Tensor mask = {};               // which columns of a padded cache are seen: (B, 1, T, S) bool
  Tensor cosine = {}, sine = {};  // rope's tables for the T positions: (T, D)
};

// c_proj(attention(q, k, v)) with [q k v] = c_attn(x); a token sees itself and the tokens before
// it.  x (B, T, C) -> (B, T, C), C = H D (Vaswani et al., 2017; the names are GPT-2's).
//
// Hook points: q, z (B, T, H, D) and k, v (B, T, G, D); attn_scores and pattern (B, H, T, S),
// before and after the softmax.  Without hooks, rope and cache, one fused op computes z from
// c_attn(x).  With a hook on attn_scores or pattern, dropout draws different random numbers.
struct CausalSelfAttention : Module {
  int64_t n_head, n_kv_head, head_size;  // H, G, D
  std::optional<double> rope_base;       // as in the options
  Linear c_attn;  // C -> (H + 2 G) D: the columns of all heads of q, then of k, then of v
  Linear c_proj;  // C -> C
  Dropout attn_dropout, resid_dropout;  // of the pattern, of the result
  // Identities, where hooks can see or replace a value.
  HookPoint hook_q, hook_k, hook_v, hook_attn_scores, hook_pattern, hook_z;

  // ShapeError unless C is a multiple of H, H is a multiple of G, and, for rope, D is even.
  CausalSelfAttention(int64_t n_embd, int64_t heads,
                      const CausalSelfAttentionOptions& options = {});
  void members(Visitor& v) override {
    v("c_attn", c_attn), v("c_proj", c_proj);
    v("attn_dropout", attn_dropout), v("resid_dropout", resid_dropout);
    v("hook_q", hook_q), v("hook_k", hook_k), v("hook_v", hook_v);
    v("hook_attn_scores", hook_attn_scores), v("hook_pattern", hook_pattern), v("hook_z", hook_z);
  }
  Tensor forward(const Tensor& x) override { return attend(x, prepare(x), 0); }
  using Module::operator();
  // Computes the same for an x that follows the tokens in the cache, and appends x's keys and
  // values to this layer of the cache.  ValueError if the cache has changed since prepare().
  Tensor operator()(const Tensor& x, const AttentionShared& shared, int64_t layer) {
    return call(x, [&](const Tensor& in) { return attend(in, shared, layer); });
  }
  // Makes the shared values for x (B, T, C), or ids (B, T), that follow the tokens in the cache.
  AttentionShared prepare(const Tensor& x, KVCache* cache = nullptr) const;
  std::string describe() const override;
  int64_t macs(const Shape& x, const Shape& y) const override;

 private:
  double dropout_p() const { return is_training() ? attn_dropout.p : 0; }
  Tensor attend(const Tensor& x, const AttentionShared& shared, int64_t layer);
  Tensor mixed(const Tensor& qkv, const AttentionShared& shared, int64_t layer);
  Tensor step_by_step(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask);
};

// Options of MultiheadAttention.
struct MultiheadAttentionOptions {
  bool bias = true;  // whether the projections have a bias
};
// out_proj(attention(q W_q^T + b_q, k W_k^T + b_k, v W_v^T + b_v)) over all positions, or over the
// positions that a mask allows: q (B, T, C), k and v (B, S, C) -> (B, T, C).  As in PyTorch,
// in_proj_weight (3 C, C) has the rows of W_q, then of W_k, then of W_v.
struct MultiheadAttention : Module {
  int64_t n_head;                          // H
  Parameter in_proj_weight, in_proj_bias;  // (3 C, C), (3 C)
  Linear out_proj;                         // C -> C

  // ShapeError unless n_embd is a multiple of `heads`.
  MultiheadAttention(int64_t n_embd, int64_t heads, const MultiheadAttentionOptions& options = {});
  void members(Visitor& v) override {
    v("in_proj_weight", in_proj_weight), v("in_proj_bias", in_proj_bias), v("out_proj", out_proj);
  }
  Tensor forward(const Tensor& x) override { return attend(x, x, x, {}); }
  using Module::operator();
  // Computes the attention of q to k and v.  forward(x) is (*this)(x, x, x).
  Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v,
                    const AttentionOptions& options = {}) {
    return call(q, [&](const Tensor& in) { return attend(in, k, v, options); });
  }
  std::string describe() const override;
  int64_t macs(const Shape& x, const Shape& y) const override;

 private:
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options);
};

}  // namespace nn
}  // namespace vitro
