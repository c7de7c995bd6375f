// models::GPT by hand.
#include "models/language/gpt.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

using models::GPT;

// x (B, T, C) + positions (T, C)
Array plus_positions(const Array& x, const Array& positions) {
  Array of_each{.shape = x.shape};
  for (int64_t b = 0; b < x.shape[0]; ++b)
    of_each.value.insert(of_each.value.end(), positions.value.begin(), positions.value.end());
  return plus(x, of_each);
}

// The sum over the batch of dy (B, T, C).
Array sum_of_batch(const Array& dy) {
  Array sum = zeros_array({dy.shape[1], dy.shape[2]});
  for (size_t i = 0; i < dy.value.size(); ++i) {
    sum.value[i % sum.value.size()] += dy.value[i];
    sum.size[i % sum.value.size()] += dy.size_at(i);
  }
  sum.terms = static_cast<double>(dy.shape[0]);
  return sum;
}

Array first_integers(int64_t count) {
  Array all{.shape = {count}, .is_integer = true};
  for (int64_t i = 0; i < count; ++i) all.value.push_back(static_cast<double>(i));
  return all;
}

// ids (T) count as one text, (1, T).
Array as_texts(Array ids) {
  if (ids.shape.rank() == 1) ids.shape.insert(0, 1);
  return ids;
}

Array gpt_forward(GPT& m, Hand& hand, const Array& given) {
  const Array ids = as_texts(given);
  Array x = hand(m.hook_embed, hand(m.wte, ids));
  if (m.wpe)
    x = plus_positions(x, hand(m.hook_pos_embed, hand(*m.wpe, first_integers(ids.shape[1]))));
  x = hand(m.drop, x);
  for (models::Block& block : m.h) x = hand(block, x);
  Array logits = hand(m.lm_head, hand(*m.ln_f, x));
  if (given.shape.rank() == 1) logits.shape.erase(0);
  return logits;
}

Array gpt_backward(GPT& m, Hand& hand, const Array&, const Array& dlogits) {
  Array dy = dlogits;
  if (dy.shape.rank() == 2) dy.shape.insert(0, 1);
  Array dx = hand.backward(*m.ln_f, hand.backward(m.lm_head, dy));
  for (size_t i = m.h.size(); i-- > 0;) dx = hand.backward(m.h[i], dx);
  dx = hand.backward(m.drop, dx);
  if (m.wpe) hand.backward(*m.wpe, hand.backward(m.hook_pos_embed, sum_of_batch(dx)));
  hand.backward(m.wte, hand.backward(m.hook_embed, dx));
  return no_gradient();
}

}  // namespace

Kind gpt_kind() {
  return kind<GPT>("y = lm_head(ln_f(h_n(... h_1(wte(x) + wpe))))", gpt_forward, gpt_backward);
}

}  // namespace vitro::proof
