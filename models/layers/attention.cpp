// Computes the attention layers, fused or step by step.
#include "models/layers/attention.h"

#include <cmath>
#include <limits>

#include "models/layers/init.h"
#include "ops/rope.h"

namespace vitro::nn {

namespace {

int64_t head_size_of(const char* layer, int64_t n_embd, int64_t heads) {
  check<ShapeError>(heads >= 1 && n_embd >= 1 && n_embd % heads == 0, layer,
                    ": expected a positive n_embd that the number of heads divides, got n_embd ",
                    n_embd, " and ", heads, " heads");
  return n_embd / heads;
}

// (B, T, heads D) -> (B, T, heads, D)
Tensor as_heads(const Tensor& x, int64_t heads) {
  return reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads});
}

// (B, T, heads, D) <-> (B, heads, T, D)
Tensor swapped(const Tensor& x) { return transpose(x, 1, 2); }

// (B, G, S, D) -> (B, H, S, D): each head of keys or values serves H / G heads of queries.
Tensor repeated(const Tensor& x, int64_t heads) {
  const int64_t batch = x.size(0), groups = x.size(1), time = x.size(2), width = x.size(3);
  if (groups == heads) return x;
  return reshape(expand(unsqueeze(x, 2), {batch, groups, heads / groups, time, width}),
                 {batch, heads, time, width});
}

}  // namespace

CausalSelfAttention::CausalSelfAttention(int64_t n_embd, int64_t heads,
                                         const CausalSelfAttentionOptions& o)
    : n_head(heads),
      n_kv_head(o.n_kv_head ? o.n_kv_head : heads),
      head_size(head_size_of("CausalSelfAttention", n_embd, heads)),
      rope_base(o.rope_base),
      c_attn(n_embd,
             (check<ShapeError>(n_kv_head >= 1 && heads % n_kv_head == 0,
                                "CausalSelfAttention: expected an n_kv_head that divides n_head (",
                                heads, "), got ", n_kv_head),
              n_embd + 2 * n_kv_head * head_size),
             {.bias = o.bias, .initialize = o.initialize}),
      c_proj(n_embd, n_embd, {.bias = o.bias, .initialize = o.initialize}),
      attn_dropout(o.attn_dropout.value_or(o.dropout)),
      resid_dropout(o.dropout) {
  check<ShapeError>(
      !rope_base || head_size % 2 == 0,
      "CausalSelfAttention: expected an even head size, because rope rotates pairs, got ",
      head_size);
}

AttentionShared CausalSelfAttention::prepare(const Tensor& x, KVCache* cache) const {
  const int64_t time = x.rank() > 1 ? x.size(1) : 0;
  AttentionShared all{.cache = cache, .start = cache ? cache->length() : 0};
  if (cache && cache->is_padded()) all.mask = cache->mask(time);
  if (rope_base) {
    const DType dtype = c_attn.weight.dtype();
    const RopeTables tables = rope_tables(time, head_size, {.start = all.start, .base = *rope_base},
                                          dtype == kBFloat16 ? kFloat32 : dtype);
    all.cosine = tables.cosine, all.sine = tables.sine;
  }
  return all;
}

Tensor CausalSelfAttention::attend(const Tensor& x, const AttentionShared& shared, int64_t layer) {
  check<ShapeError>(x.rank() == 3, "CausalSelfAttention: expected x (batch, time, ",
                    n_head * head_size, "), got ", x.shape());
  if (const KVCache* cache = shared.cache)
    check<ValueError>(
        cache->length() == shared.start && cache->is_padded() == shared.mask.defined(),
        "CausalSelfAttention: expected shared values for the cache as it is now, with ",
        cache->length(), " tokens, got values for ", shared.start, "; call prepare() again");
  const Tensor qkv = c_attn(x);
  const bool plain = !shared.cache && !rope_base && !hook_q.is_hooked() && !hook_k.is_hooked() &&
                     !hook_v.is_hooked() && !hook_attn_scores.is_hooked() &&
                     !hook_pattern.is_hooked() && !hook_z.is_hooked();
  const Tensor z =
      plain ? self_attention(qkv,
                             {.n_head = n_head, .n_kv_head = n_kv_head, .dropout_p = dropout_p()})
            : mixed(qkv, shared, layer);
  return resid_dropout(c_proj(z));
}

// Computes z from qkv in separate ops, for rope, a cache or hooks.
Tensor CausalSelfAttention::mixed(const Tensor& qkv, const AttentionShared& shared, int64_t layer) {
  const int64_t width = n_head * head_size, kv_width = n_kv_head * head_size;
  Tensor q = swapped(hook_q(as_heads(narrow(qkv, -1, 0, width), n_head))),
         k = swapped(hook_k(as_heads(narrow(qkv, -1, width, kv_width), n_kv_head))),
         v = swapped(hook_v(as_heads(narrow(qkv, -1, width + kv_width, kv_width), n_kv_head)));
  if (rope_base) {
    const RopeTables tables{shared.cosine, shared.sine};
    q = rope_by(q, tables), k = rope_by(k, tables);
  }
  if (shared.cache) {
    std::tie(k, v) = shared.cache->extend(layer, k, v);
    q = q.to(k.dtype());
  }
  const Tensor& mask = shared.mask;
  const bool looks = hook_attn_scores.is_hooked() || hook_pattern.is_hooked();
  const Tensor z =
      looks ? step_by_step(q, k, v, mask)
            : scaled_dot_product_attention(
                  q, k, v, {.is_causal = !mask.defined(), .mask = mask, .dropout_p = dropout_p()});
  const Tensor out = hook_z(swapped(z).to(qkv.dtype()));
  return reshape(out, {out.size(0), out.size(1), width});
}

// softmax(q k^T / sqrt(D)) v, one op after another, for hooks on the scores or the pattern.
Tensor CausalSelfAttention::step_by_step(const Tensor& q, const Tensor& k, const Tensor& v,
                                         const Tensor& mask) {
  const int64_t rows = q.size(2), columns = k.size(2);
  const Tensor seen = mask.defined() ? mask : tril(ones({rows, columns}), columns - rows).to(kBool);
  const Tensor scores = matmul(q, transpose(repeated(k, n_head), -1, -2)) *
                        (1 / std::sqrt(static_cast<double>(head_size)));
  const Tensor hidden =
      where(seen, scores, full_scalar(-std::numeric_limits<double>::infinity(), scores.dtype()));
  const Tensor pattern = hook_pattern(softmax(hook_attn_scores(hidden), -1));
  return matmul(attn_dropout(pattern), repeated(v, n_head));
}

std::string CausalSelfAttention::describe() const {
  std::ostringstream text;
  text << "CausalSelfAttention(" << n_head << " heads of " << head_size;
  if (n_kv_head != n_head) text << ", " << n_kv_head << " of keys and values";
  text << (rope_base ? ", rope)" : ")");
  return text.str();
}
// Counts the scores and the weighted sums of values; row t sees t + 1 columns.
int64_t CausalSelfAttention::macs(const Shape& x, const Shape&) const {
  const int64_t batch = x[0], time = x[1];
  return batch * n_head * head_size * time * (time + 1);
}

MultiheadAttention::MultiheadAttention(int64_t n_embd, int64_t heads,
                                       const MultiheadAttentionOptions& options)
    : n_head((head_size_of("MultiheadAttention", n_embd, heads), heads)),
      in_proj_weight(init::xavier_uniform_(empty({3 * n_embd, n_embd}))),
      out_proj(n_embd, n_embd, {.bias = options.bias}) {
  if (!options.bias) return;
  in_proj_bias = zeros({3 * n_embd});
  NoGradGuard unrecorded;
  init::zeros_(out_proj.bias);
}

Tensor MultiheadAttention::attend(const Tensor& q, const Tensor& k, const Tensor& v,
                                  const AttentionOptions& options) {
  const int64_t width = in_proj_weight.size(1);
  for (const Tensor* x : {&q, &k, &v})
    check<ShapeError>(x->rank() == 3 && x->size(2) == width,
                      "MultiheadAttention: expected q, k and v (batch, time, ", width, "), got ",
                      x->shape());
  const auto projected = [&](const Tensor& x, int64_t part) {
    const Tensor b =
        in_proj_bias.defined() ? narrow(in_proj_bias, 0, part * width, width) : Tensor();
    return swapped(as_heads(linear(x, narrow(in_proj_weight, 0, part * width, width), b), n_head));
  };
  const Tensor z =
      scaled_dot_product_attention(projected(q, 0), projected(k, 1), projected(v, 2), options);
  return out_proj(reshape(swapped(z), {q.size(0), q.size(1), width}));
}

std::string MultiheadAttention::describe() const {
  std::ostringstream text;
  text << "MultiheadAttention(" << n_head << " heads of " << in_proj_weight.size(1) / n_head << ")";
  return text.str();
}
// Counts the projections, scores and weighted sums, for keys and values that come from x.
int64_t MultiheadAttention::macs(const Shape& x, const Shape&) const {
  const int64_t width = in_proj_weight.size(1);
  return numel(x) * 3 * width + 2 * x[0] * x[1] * x[1] * width;
}

}  // namespace vitro::nn
