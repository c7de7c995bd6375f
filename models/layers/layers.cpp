// Makes and describes the layers.
#include "models/layers/layers.h"

#include <cmath>

#include "models/layers/init.h"

namespace vitro::nn {

static void check_positive(const char* layer, const char* what, int64_t n) {
  check<ShapeError>(n > 0, layer, ": expected ", what, " >= 1, got ", n);
}

Linear::Linear(int64_t in, int64_t out, const LinearOptions& options) {
  check_positive("Linear", "in", in);
  check_positive("Linear", "out", out);
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = empty({out, in});
  if (options.bias) bias = empty({out});
  for (const Tensor* x : {&weight, &bias})
    if (x->defined() && options.initialize) init::uniform_(*x, -bound, bound);
}
std::string Linear::describe() const {
  std::ostringstream text;
  text << "Linear(" << weight.size(1) << " -> " << weight.size(0)
       << (bias.defined() ? ")" : ", no bias)");
  return text.str();
}
int64_t Linear::macs(const Shape&, const Shape& y) const { return numel(y) * weight.size(1); }

Embedding::Embedding(int64_t vocab_size, int64_t features, const EmbeddingOptions& options)
    : padding_idx(options.padding_idx) {
  check_positive("Embedding", "vocab_size", vocab_size);
  check_positive("Embedding", "features", features);
  weight = empty({vocab_size, features});
  if (options.initialize) init::normal_(weight);
  if (padding_idx) {
    int64_t& row = *padding_idx;
    check<ShapeError>(-vocab_size <= row && row < vocab_size,
                      "Embedding: expected padding_idx in [", -vocab_size, ", ", vocab_size,
                      "), got ", row);
    weight.detach().select(0, row += row < 0 ? vocab_size : 0).zero_();
  }
}
Tensor Embedding::forward(const Tensor& ids) {
  if (!padding_idx) return embedding(ids, weight);
  // Padding takes the row's values but gives the row no gradient.
  Tensor padded = unsqueeze(eq(ids, *padding_idx), -1), y = embedding(ids, weight);
  return where(padded, y.detach(), y);
}
std::string Embedding::describe() const {
  std::ostringstream text;
  text << "Embedding(" << weight.size(0) << ", " << weight.size(1) << ")";
  return text.str();
}

Dropout::Dropout(double probability) : p(probability) {
  check<ValueError>(0 <= p && p <= 1, "Dropout: expected a probability in [0, 1], got ", p);
}
std::string Dropout::describe() const {
  std::ostringstream text;
  text << "Dropout(" << p << ")";
  return text.str();
}

GELU::GELU(const GELUOptions& options)
    : form(options.approximate == "tanh" ? GeluForm::kTanh : GeluForm::kErf) {
  check<ValueError>(options.approximate == "tanh" || options.approximate == "none",
                    "GELU: expected approximate \"none\" or \"tanh\", got \"", options.approximate,
                    "\"");
}

}  // namespace vitro::nn
