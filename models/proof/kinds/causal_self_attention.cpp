// CausalSelfAttention by hand.
#include "models/layers/attention.h"
#include "models/proof/kinds/attention.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/kinds/rotary.h"

namespace vitro::proof {

namespace {

using nn::CausalSelfAttention;

// With a hook on the scores or the pattern, the model computes step by step, and rounds every step
// to its dtype.
bool has_steps(const CausalSelfAttention& m, const Hand& hand) {
  return hand.is_recorded(m.hook_attn_scores) || hand.is_recorded(m.hook_pattern);
}
// x after the model has stored it.  In float32, that is no more than the rounding of arithmetic.
Array stored(const CausalSelfAttention& m, Array x) {
  return m.c_attn.weight.dtype() == kBFloat16 ? rounded(std::move(x)) : x;
}
// The same for an x that comes through a hook point: if that was recorded, x is what the model had.
Array step(const CausalSelfAttention& m, const Hand& hand, const nn::HookPoint& point, Array x) {
  return hand.is_recorded(point) ? x : stored(m, std::move(x));
}
AttentionForm causal_form(const CausalSelfAttention& m) {
  return attention_form(m.head_size, /*is_causal=*/true);
}
// The rotation of queries or keys; the model rounds its result to its dtype.
Array turned(const CausalSelfAttention& m, const Array& x, Turn turn) {
  return m.rope_base ? rotated(x, *m.rope_base, turn) : x;
}
Array turned_rounded(const CausalSelfAttention& m, const Array& x) {
  return m.rope_base ? stored(m, turned(m, x, Turn::kForward)) : x;
}

Array attention_steps(CausalSelfAttention& m, Hand& hand, const Array& q, const Array& k,
                      const Array& v) {
  const Array scores = hand(m.hook_attn_scores, stored(m, attention_scores(q, k, causal_form(m))));
  const Array pattern =
      hand(m.hook_pattern, attention_pattern(step(m, hand, m.hook_attn_scores, scores)));
  return attention_sum(hand(m.attn_dropout, step(m, hand, m.hook_pattern, pattern)), v);
}

Array causal_forward(CausalSelfAttention& m, Hand& hand, const Array& x) {
  const int64_t H = m.n_head, G = m.n_kv_head, D = m.head_size;
  const Array qkv = hand(m.c_attn, x);
  const Array q = turned_rounded(m, hand(m.hook_q, heads_of(qkv, 0, H, D))),
              k = turned_rounded(m, hand(m.hook_k, heads_of(qkv, H, G, D))),
              v = hand(m.hook_v, heads_of(qkv, H + G, G, D));
  const Array z = hand(m.hook_z, has_steps(m, hand) ? attention_steps(m, hand, q, k, v)
                                                    : attention_by_hand(q, k, v, causal_form(m)));
  return hand(m.resid_dropout, hand(m.c_proj, joined_heads(z)));
}

AttentionGradients gradients_in_steps(CausalSelfAttention& m, Hand& hand, const Array& q,
                                      const Array& k, const Array& v, const Array& dz) {
  const Array pattern = step(m, hand, m.hook_pattern, hand.output(m.hook_pattern)),
              dropped = step(m, hand, m.hook_pattern, hand.output(m.attn_dropout));
  const Array dpattern =
      hand.backward(m.hook_pattern, hand.backward(m.attn_dropout, pattern_gradient(dz, v)));
  const Array dscores = hand.backward(
      m.hook_attn_scores, scores_gradient(pattern, step(m, hand, m.hook_pattern, dpattern)));
  // The gradient is rounded once more after the product with the scale.
  return step_gradients(q, k, v, dropped, stored(m, step(m, hand, m.hook_attn_scores, dscores)), dz,
                        causal_form(m));
}

Array causal_backward(CausalSelfAttention& m, Hand& hand, const Array&, const Array& dy) {
  const Array q = turned_rounded(m, hand.output(m.hook_q)),
              k = turned_rounded(m, hand.output(m.hook_k)), v = hand.output(m.hook_v);
  const Array dz =
      hand.backward(m.hook_z, heads_of(hand.backward(m.c_proj, hand.backward(m.resid_dropout, dy)),
                                       0, m.n_head, m.head_size));
  AttentionGradients d = has_steps(m, hand) ? gradients_in_steps(m, hand, q, k, v, dz)
                                            : attention_gradients(q, k, v, dz, causal_form(m));
  if (m.rope_base) d.dq = stored(m, std::move(d.dq)), d.dk = stored(m, std::move(d.dk));
  const Array dv = hand.backward(m.hook_v, d.dv),
              dk = hand.backward(m.hook_k, turned(m, d.dk, Turn::kBack)),
              dq = hand.backward(m.hook_q, turned(m, d.dq, Turn::kBack));
  return hand.backward(m.c_attn, side_by_side(dq, dk, dv));
}

}  // namespace

Kind causal_self_attention_kind() {
  return kind<CausalSelfAttention>("z = softmax(q k^T / sqrt(D)) v; y = c_proj(z)", causal_forward,
                                   causal_backward);
}

}  // namespace vitro::proof
