// models::MLP by hand.
#include "models/language/gpt.h"
#include "models/proof/kinds/activation.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

using models::MLP;

// a b, number by number; same shapes
Array times(const Array& a, const Array& b) {
  std::vector<Sized> y = sized_zeros(a.shape);
  for (size_t i = 0; i < y.size(); ++i) y[i] = at(a, i) * at(b, i);
  return array_of(a.shape, y, std::max(a.terms, b.terms));
}

Array mlp_forward(MLP& m, Hand& hand, const Array& x) {
  if (!m.c_gate) {
    const Array pre = hand(m.hook_pre, hand(m.c_fc, x));
    const Array post = hand(m.hook_post, activation_by_hand(m.activation, pre));
    return hand(m.dropout, hand(m.c_proj, post));
  }
  const Array pre = hand(m.hook_pre, hand(*m.c_gate, x));
  const Array gate = rounded(activation_by_hand(Activation::kSilu, pre));
  const Array post = hand(m.hook_post, times(gate, hand(m.c_fc, x)));
  return hand(m.dropout, hand(m.c_proj, post));
}

// With y = c_proj(f(u)), u = c_fc(x):  du = da f'(u).
// With y = c_proj(a), a = silu(g) u:  du = da silu(g),  dg = da u silu'(g).
Array mlp_backward(MLP& m, Hand& hand, const Array&, const Array& dy) {
  const Array da =
      hand.backward(m.hook_post, hand.backward(m.c_proj, hand.backward(m.dropout, dy)));
  const Array pre = hand.output(m.hook_pre);
  if (!m.c_gate) {
    const Array du = hand.backward(m.hook_pre, activation_gradient(m.activation, pre, da));
    return hand.backward(m.c_fc, du);
  }
  const Array gate = rounded(activation_by_hand(Activation::kSilu, pre)),
              dgate = rounded(times(da, hand.output(m.c_fc)));
  const Array dx = hand.backward(m.c_fc, times(da, gate));
  const Array dg = hand.backward(m.hook_pre, activation_gradient(Activation::kSilu, pre, dgate));
  return plus(hand.backward(*m.c_gate, dg), dx);
}

}  // namespace

Kind mlp_kind() {
  return kind<MLP>("y = c_proj(f(c_fc(x))), or c_proj(silu(c_gate(x)) c_fc(x))", mlp_forward,
                   mlp_backward);
}

}  // namespace vitro::proof
