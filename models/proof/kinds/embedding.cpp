// Embedding by hand: row x_i of the weight.
#include "models/layers/layers.h"
#include "models/proof/kinds/kinds.h"
#include "models/proof/kinds/sized.h"

namespace vitro::proof {

namespace {

Array embedding_forward(nn::Embedding& m, Hand& hand, const Array& ids) {
  const Rows weight = hand.rows(m.weight);
  Array y{.shape = ids.shape};
  y.shape.push_back(weight.width());
  y.value.resize(static_cast<size_t>(ids.count() * weight.width()));
  for (int64_t i = 0; i < ids.count(); ++i)
    weight.read(static_cast<int64_t>(ids.value[i]), y.row(i));
  return with_sizes(std::move(y));
}

// dW_v = the sum of dy_i over the i with x_i = v
Array embedding_backward(nn::Embedding& m, Hand& hand, const Array& ids, const Array& dy) {
  Array dw = zeros_array(m.weight.shape(), hand.wants_size());
  const int64_t width = dw.width();
  for (int64_t i = 0; i < ids.count(); ++i) {
    const auto id = static_cast<int64_t>(ids.value[i]);
    if (id == m.padding_idx) continue;
    for (int64_t c = 0; c < width; ++c) {
      dw.row(id)[c] += dy.row(i)[c];
      if (!dw.size.empty()) dw.size[id * width + c] += std::abs(dy.row(i)[c]);
    }
  }
  dw.terms = static_cast<double>(ids.count());
  hand.gradient(m.weight, std::move(dw));
  return no_gradient();
}

}  // namespace

Kind embedding_kind() {
  return kind<nn::Embedding>("y_i = W_(x_i)", embedding_forward, embedding_backward);
}

}  // namespace vitro::proof
