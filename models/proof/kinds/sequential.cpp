// Sequential by hand: its modules one after another.
#include "models/layers/containers.h"
#include "models/proof/kinds/kinds.h"

namespace vitro::proof {

namespace {

Array sequential_forward(nn::Sequential& m, Hand& hand, const Array& x) {
  Array y = x;
  for (size_t i = 0; i < m.size(); ++i) y = hand(m[i], y);
  return y;
}

Array sequential_backward(nn::Sequential& m, Hand& hand, const Array& x, const Array& dy) {
  Array d = dy;
  for (size_t i = m.size(); i-- > 0;) d = hand.backward(m[i], d);
  return x.is_integer ? no_gradient() : d;
}

}  // namespace

Kind sequential_kind() {
  return kind<nn::Sequential>("y = f_n(... f_2(f_1(x)))", sequential_forward, sequential_backward);
}

}  // namespace vitro::proof
