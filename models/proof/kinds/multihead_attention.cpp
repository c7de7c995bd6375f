// MultiheadAttention by hand, for queries, keys and values from one input.
#include "models/layers/attention.h"
#include "models/proof/kinds/attention.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/kinds/linear.h"

namespace vitro::proof {

namespace {

using nn::MultiheadAttention;

// x after the model has rounded it to bfloat16, if that is its dtype.  Equal tokens have equal
// errors, so the error of a sum over n tokens may be sqrt(n) times that of independent errors.
// compare() allows a factor of 4.
Array stored(const MultiheadAttention& m, Array x) {
  if (m.in_proj_weight.dtype() != kBFloat16) return x;
  x = rounded(std::move(x));
  const double tokens = static_cast<double>(x.rows());
  for (double& number : x.stored) number *= std::max(1.0, std::sqrt(tokens) / 4);
  return x;
}

// The queries, keys and values side by side.  Their errors grow with the root of C, but as terms of
// the next sum they would count with C: hence the smaller sizes.
Array projected(MultiheadAttention& m, Hand& hand, const Array& x) {
  Array qkv = linear_by_hand(x, hand.rows(m.in_proj_weight), hand.numbers(m.in_proj_bias),
                             hand.wants_size());
  const double share = 2 / std::sqrt(static_cast<double>(x.width()));
  for (size_t i = 0; i < qkv.size.size(); ++i)
    qkv.size[i] = std::max(std::abs(qkv.value[i]), std::min(1.0, share) * qkv.size[i]);
  return stored(m, std::move(qkv));
}

struct Projected {
  Array q = {}, k = {}, v = {};
  AttentionForm form;
  Projected(MultiheadAttention& m, Hand& hand, const Array& x)
      : form(attention_form(x.width() / m.n_head, /*is_causal=*/false)) {
    const Array qkv = projected(m, hand, x);
    const int64_t H = m.n_head, D = x.width() / H;
    q = heads_of(qkv, 0, H, D), k = heads_of(qkv, H, H, D), v = heads_of(qkv, 2 * H, H, D);
  }
};

Array multihead_forward(MultiheadAttention& m, Hand& hand, const Array& x) {
  const Projected in(m, hand, x);
  return hand(m.out_proj, joined_heads(attention_by_hand(in.q, in.k, in.v, in.form)));
}

Array multihead_backward(MultiheadAttention& m, Hand& hand, const Array& x, const Array& dy) {
  const Projected in(m, hand, x);
  const Array dz = heads_of(hand.backward(m.out_proj, dy), 0, m.n_head, x.width() / m.n_head);
  const AttentionGradients d = attention_gradients(in.q, in.k, in.v, dz, in.form);
  const Array dqkv = stored(m, side_by_side(d.dq, d.dk, d.dv));
  const bool sizes = hand.wants_size();
  hand.gradient(m.in_proj_weight, linear_weight_gradient(dqkv, x, sizes));
  if (m.in_proj_bias.defined()) hand.gradient(m.in_proj_bias, linear_bias_gradient(dqkv, sizes));
  const Rows weight = hand.rows(m.in_proj_weight);
  const auto through = [&](int64_t part) {
    return rounded(linear_input_gradient(dqkv, weight, part * x.width(), x.width(), sizes));
  };
  return plus(rounded(plus(through(0), through(1))), through(2));
}

}  // namespace

Kind multihead_attention_kind() {
  return kind<MultiheadAttention>(
      "[q k v] = x W^T + b; z = softmax(q k^T / sqrt(D)) v; y = out_proj(z)", multihead_forward,
      multihead_backward);
}

}  // namespace vitro::proof
