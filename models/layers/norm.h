// LayerNorm and RMSNorm: layers that normalise over the last axis.
#pragma once
#include "../../framework/nn/module.h"
#include "../../ops/ops.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Options of LayerNorm.
struct LayerNormOptions {
  double eps = 1e-5;  // added to the variance
  bool bias = true;   // whether the layer has a bias
};
// layer_norm(x, weight, bias): x (..., C).  Initially weight is 1, bias 0.
struct LayerNorm : Module {
  Parameter weight, bias;  // (C), (C) or undefined
  double eps;              // added to the variance
  // ShapeError for features below 1.
  explicit LayerNorm(int64_t features, const LayerNormOptions& options = {});
  void members(Visitor& v) override { v("weight", weight), v("bias", bias); }
  Tensor forward(const Tensor& x) override { return layer_norm(x, weight, bias, eps); }
  std::string describe() const override;
};

// Options of RMSNorm.
struct RMSNormOptions {
  double eps = 1e-5;  // added to the mean square
};
// rms_norm(x, weight): x (..., C).  Initially weight is 1.
struct RMSNorm : Module {
  Parameter weight;  // (C)
  double eps;        // added to the mean square
  // ShapeError for features below 1.
  explicit RMSNorm(int64_t features, const RMSNormOptions& options = {});
  void members(Visitor& v) override { v("weight", weight); }
  Tensor forward(const Tensor& x) override { return rms_norm(x, weight, eps); }
  std::string describe() const override;
};

}  // namespace nn
}  // namespace vitro
