// Layers: modules with parameters of their own, and the ops as modules.
#pragma once
#include "../../framework/nn/module.h"
#include "../../ops/ops.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

struct LinearOptions {
  bool bias = true;
  bool initialize = true;  // false: the values are whatever the memory holds, for who fills it
};
// y = x W^T + b: x (..., in), weight (out, in), bias (out).  Initially U(-1/sqrt(in), 1/sqrt(in)).
struct Linear : Module {
  Parameter weight, bias;
  Linear(int64_t in, int64_t out, const LinearOptions& options = {});
  void members(Visitor& v) override { v("weight", weight), v("bias", bias); }
  Tensor forward(const Tensor& x) override { return linear(x, weight, bias); }
  using Module::operator();
  // f(x W^T + b), in one op unless a hook wants to see the layer's own output.
  Tensor operator()(const Tensor& x, Activation f) {
    if (is_hooked()) return activate((*this)(x), f);
    return call(x, [&](const Tensor& in) { return linear(in, weight, bias, f); });
  }
  std::string describe() const override;
  int64_t macs(const Shape& x, const Shape& y) const override;
};

struct EmbeddingOptions {
  std::optional<int64_t> padding_idx = {};  // a row (-1: the last) that is 0 and gets no gradient
  bool initialize = true;                   // as in LinearOptions
};
// y_i = W_ids_i: ids (...) int64 -> (..., C).  Initially N(0, 1).
struct Embedding : Module {
  Parameter weight;  // (V, C)
  Embedding(int64_t vocab_size, int64_t features, const EmbeddingOptions& options = {});
  void members(Visitor& v) override { v("weight", weight); }
  Tensor forward(const Tensor& ids) override;
  std::string describe() const override;

 private:
  EmbeddingOptions options_;
};

// Zeroes each value with probability p while training, and scales the rest by 1 / (1 - p).
struct Dropout : Module {
  double p;
  explicit Dropout(double probability = 0.5);
  Tensor forward(const Tensor& x) override { return dropout(x, p, is_training()); }
  std::string describe() const override;
};

struct GELUOptions {
  std::string approximate = "none";  // or "tanh"
};
struct GELU : Module {
  GeluForm form;
  explicit GELU(const GELUOptions& options = {});
  Tensor forward(const Tensor& x) override { return gelu(x, form); }
};
struct ReLU : Module {
  Tensor forward(const Tensor& x) override { return relu(x); }
};
struct Tanh : Module {
  Tensor forward(const Tensor& x) override { return tanh(x); }
};
struct Sigmoid : Module {
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
};
struct SiLU : Module {
  Tensor forward(const Tensor& x) override { return silu(x); }
};
struct Softmax : Module {
  int64_t axis;
  explicit Softmax(int64_t along = -1) : axis(along) {}
  Tensor forward(const Tensor& x) override { return softmax(x, axis); }
};
struct Identity : Module {
  Tensor forward(const Tensor& x) override { return x; }
};
// An identity at a place that somebody may want to look at, or change, by a hook.
struct HookPoint : Module {
  Tensor forward(const Tensor& x) override { return x; }
};

}  // namespace nn
}  // namespace vitro
