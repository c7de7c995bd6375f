// models::MiniLM by hand.
#include "models/language/mini_lm.h"
#include "models/proof/kinds/activation.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

using models::MiniLM;

// Calls f(from, to) for each row of x (..., T, E) and its place among the joined embeddings
// (..., T, k E): place j of token t has token t - k + 1 + j, or zeros before the text.
template <class F>
void for_context(const Array& x, int64_t k, F f) {
  const int64_t time = x.shape.rank() > 1 ? x.shape[x.shape.rank() - 2] : 1;
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t j = 0; j < k; ++j)
      if (const int64_t back = k - 1 - j; row % time >= back) f(row - back, row * k + j);
}

Array with_context(const Array& x, int64_t k) {
  if (k == 1) return x;
  Shape shape = x.shape;
  shape[shape.rank() - 1] *= k;
  Array y = zeros_array(shape, /*with_sizes=*/false);
  const int64_t width = x.width();
  for_context(x, k, [&](int64_t from, int64_t to) {
    std::copy_n(x.row(from), width, y.value.data() + to * width);
  });
  return with_sizes(std::move(y));
}

// The gradient of with_context for x of this shape: each row is in up to k places.
Array context_gradient(const Array& dy, const Shape& shape, int64_t k) {
  if (k == 1) return dy;
  Array dx = zeros_array(shape);
  const int64_t width = dx.width();
  for_context(dx, k, [&](int64_t from, int64_t to) {
    for (int64_t c = 0; c < width; ++c) {
      dx.value[from * width + c] += dy.value[to * width + c];
      dx.size[from * width + c] += std::abs(dy.value[to * width + c]);
    }
  });
  dx.terms = static_cast<double>(k);
  // The engine adds the k parts one by one and rounds each partial sum, except for the last one,
  // which is the result.
  const double roundings = std::sqrt(static_cast<double>(std::max<int64_t>(0, k - 2)));
  for (double size : dx.size) dx.stored.push_back(roundings * size);
  return dx;
}

Array mini_lm_forward(MiniLM& m, Hand& hand, const Array& ids) {
  const Array pre = hand(m.hidden, with_context(hand(m.embed, ids), m.config.context));
  const Array post = hand(m.hook_post, activation_by_hand(m.config.activation, pre));
  return hand(m.head, hand(m.drop, post));
}

Array mini_lm_backward(MiniLM& m, Hand& hand, const Array&, const Array& dy) {
  const Array dpost = hand.backward(m.hook_post, hand.backward(m.drop, hand.backward(m.head, dy)));
  const Array dpre = activation_gradient(m.config.activation, hand.output(m.hidden), dpost);
  const Array dcontext = hand.backward(m.hidden, dpre);
  hand.backward(m.embed, context_gradient(dcontext, hand.output(m.embed).shape, m.config.context));
  return no_gradient();
}

}  // namespace

Kind mini_lm_kind() {
  return kind<MiniLM>("y = head(f(hidden(embed of the last k tokens)))", mini_lm_forward,
                      mini_lm_backward);
}

}  // namespace vitro::proof
