// Attention as layers.
#pragma once
#include "kv_cache.h"
#include "layers.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

struct CausalSelfAttentionOptions {
  int64_t n_kv_head = 0;                    // heads of keys and values; 0: n_head
  double dropout = 0;                       // of the result and of the pattern, while training
  std::optional<double> attn_dropout = {};  // of the pattern, if another
  bool bias = true;
  std::optional<double> rope_base = {};  // turns queries and keys by their position (rope)
  bool initialize = true;                // as in LinearOptions
};

// What is the same for all layers in one forward.
struct AttentionShared {
  KVCache* cache = nullptr;
  int64_t start = 0;              // the tokens in the cache, if there is one
  Tensor mask = {};               // of its padding
  Tensor cosine = {}, sine = {};  // by which rope turns the positions
};

// c_proj(attention(q, k, v)), [q k v] = c_attn(x), where a token sees itself and those before it:
// x (B, T, C) -> (B, T, C), C = H D (Vaswani et al., 2017; the names are GPT-2's).
//
// Hook points: q, z (B, T, H, D) and k, v (B, T, G, D); attn_scores and pattern (B, H, T, S),
// before and after the softmax.  Nothing of them is computed apart unless a hook is there; a hook
// on these two makes dropout draw other numbers.
struct CausalSelfAttention : Module {
  int64_t n_head, n_kv_head, head_size;
  std::optional<double> rope_base;
  Linear c_attn;  // (C -> (H + 2 G) D): the columns of q, k and v, each head after head
  Linear c_proj;
  Dropout attn_dropout, resid_dropout;
  HookPoint hook_q, hook_k, hook_v, hook_attn_scores, hook_pattern, hook_z;

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
  // x follows the tokens in the cache, whose layer it extends.  ValueError for what was prepared
  // before the cache advanced.
  Tensor operator()(const Tensor& x, const AttentionShared& shared, int64_t layer) {
    return call(x, [&](const Tensor& in) { return attend(in, shared, layer); });
  }
  // For x (B, T, C), or ids (B, T), that follow the tokens in the cache, if there is one.
  AttentionShared prepare(const Tensor& x, KVCache* cache = nullptr) const;
  std::string describe() const override;
  int64_t macs(const Shape& x, const Shape& y) const override;

 private:
  double dropout_p() const { return is_training() ? attn_dropout.p : 0; }
  Tensor attend(const Tensor& x, const AttentionShared& shared, int64_t layer);
  Tensor mixed(const Tensor& qkv, const AttentionShared& shared, int64_t layer);
  Tensor step_by_step(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask);
};

struct MultiheadAttentionOptions {
  bool bias = true;
};
// out_proj(attention(q W_q^T + b_q, ...)) over all places, or those that a mask allows: q (B, T,
// C), k and v (B, S, C) -> (B, T, C).  Weights as PyTorch keeps them: in_proj_weight (3 C, C).
struct MultiheadAttention : Module {
  int64_t n_head;
  Parameter in_proj_weight, in_proj_bias;
  Linear out_proj;

  MultiheadAttention(int64_t n_embd, int64_t heads, const MultiheadAttentionOptions& options = {});
  void members(Visitor& v) override {
    v("in_proj_weight", in_proj_weight), v("in_proj_bias", in_proj_bias), v("out_proj", out_proj);
  }
  Tensor forward(const Tensor& x) override { return attend(x, x, x, {}); }
  using Module::operator();
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
