// models::Block by hand: two additions to the residual stream.
#include "models/language/gpt.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

using models::Block;

Array block_forward(Block& m, Hand& hand, const Array& in) {
  const Array x = hand(m.hook_resid_pre, in);
  const Array mixed = hand(m.hook_attn_out, hand(m.attn, hand(*m.ln_1, x)));
  const Array mid = hand(m.hook_resid_mid, plus(x, mixed));
  const Array after = hand(m.hook_mlp_out, hand(m.mlp, hand(*m.ln_2, mid)));
  return hand(m.hook_resid_post, plus(rounded(mid), after));
}

// dmid = dy + dy mlp'(ln_2(mid)),  dx = dmid + dmid attn'(ln_1(x))
Array block_backward(Block& m, Hand& hand, const Array&, const Array& dy) {
  const Array dout = hand.backward(m.hook_resid_post, dy);
  const Array through_mlp =
      hand.backward(*m.ln_2, hand.backward(m.mlp, hand.backward(m.hook_mlp_out, dout)));
  const Array dmid = hand.backward(m.hook_resid_mid, plus(dout, through_mlp));
  const Array through_attention =
      hand.backward(*m.ln_1, hand.backward(m.attn, hand.backward(m.hook_attn_out, dmid)));
  return hand.backward(m.hook_resid_pre, plus(rounded(dmid), through_attention));
}

}  // namespace

Kind block_kind() {
  return kind<Block>("y = x + attn(ln_1(x)) + mlp(ln_2(x + attn(ln_1(x))))", block_forward,
                     block_backward);
}

}  // namespace vitro::proof
