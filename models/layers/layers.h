// Layers: modules with parameters, and ops as modules.
#pragma once
#include "../../framework/nn/module.h"
#include "../../ops/ops.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Options of Linear.
struct LinearOptions {
  bool bias = true;        // whether b exists
  bool initialize = true;  // false: values are left undefined, for a caller that fills them
};
// y = x W^T + b: x (..., in), weight (out, in), bias (out).  Initially U(-1/sqrt(in), 1/sqrt(in)).
struct Linear : Module {
  Parameter weight, bias;  // an undefined bias counts as 0
  Linear(int64_t in, int64_t out, const LinearOptions& options = {});  // sizes of at least 1
  void members(Visitor& v) override { v("weight", weight), v("bias", bias); }
  Tensor forward(const Tensor& x) override { return linear(x, weight, bias); }
  using Module::operator();
  // f(x W^T + b) in one op; in two if the layer has hooks, which must see its output before f.
  Tensor operator()(const Tensor& x, Activation f) {
    if (is_hooked()) return activate((*this)(x), f);
    return call(x, [&](const Tensor& in) { return linear(in, weight, bias, f); });
  }
  std::string describe() const override;
  int64_t macs(const Shape& x, const Shape& y) const override;
};

// Options of Embedding.
struct EmbeddingOptions {
  std::optional<int64_t> padding_idx = {};  // a row (-1: the last) that is 0 and gets no gradient
  bool initialize = true;                   // as in LinearOptions
};
// y_i = W_ids_i: ids (...) int64 -> (..., C).  Initially N(0, 1).
struct Embedding : Module {
  Parameter weight;                    // (V, C)
  std::optional<int64_t> padding_idx;  // the row that is 0 and gets no gradient; not negative
  // ShapeError for a size below 1, or a padding_idx that is no row.
  Embedding(int64_t vocab_size, int64_t features, const EmbeddingOptions& options = {});
  void members(Visitor& v) override { v("weight", weight); }
  Tensor forward(const Tensor& ids) override;
  std::string describe() const override;
};

// Zeroes each value with probability p while training, and scales the rest by 1 / (1 - p).
struct Dropout : Module {
  double p;                                    // in [0, 1]
  explicit Dropout(double probability = 0.5);  // ValueError outside [0, 1]
  Tensor forward(const Tensor& x) override { return dropout(x, p, is_training()); }
  std::string describe() const override;
};

// Options of GELU.
struct GELUOptions {
  std::string approximate = "none";  // or "tanh"
};
// gelu(x, form).
struct GELU : Module {
  GeluForm form;                                   // kErf for "none", kTanh for "tanh"
  explicit GELU(const GELUOptions& options = {});  // ValueError for another `approximate`
  Tensor forward(const Tensor& x) override { return gelu(x, form); }
};
// relu(x).
struct ReLU : Module {
  Tensor forward(const Tensor& x) override { return relu(x); }
};
// tanh(x).
struct Tanh : Module {
  Tensor forward(const Tensor& x) override { return tanh(x); }
};
// sigmoid(x).
struct Sigmoid : Module {
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
};
// silu(x).
struct SiLU : Module {
  Tensor forward(const Tensor& x) override { return silu(x); }
};
// softmax(x, axis).
struct Softmax : Module {
  int64_t axis;                                          // from the end when negative
  explicit Softmax(int64_t along = -1) : axis(along) {}  // the last axis by default
  Tensor forward(const Tensor& x) override { return softmax(x, axis); }
};
// Returns its input.
struct Identity : Module {
  Tensor forward(const Tensor& x) override { return x; }
};
// An identity where a hook can see or replace a value.
struct HookPoint : Module {
  Tensor forward(const Tensor& x) override { return x; }
};

}  // namespace nn
}  // namespace vitro
