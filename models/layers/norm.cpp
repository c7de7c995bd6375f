// Makes and describes LayerNorm and RMSNorm.
#include "models/layers/norm.h"

namespace vitro::nn {

static Tensor all_ones(const char* layer, int64_t features) {
  check<ShapeError>(features > 0, layer, ": expected features >= 1, got ", features);
  return ones({features});
}

LayerNorm::LayerNorm(int64_t features, const LayerNormOptions& options)
    : weight(all_ones("LayerNorm", features)), eps(options.eps) {
  if (options.bias) bias = zeros({features});
}
std::string LayerNorm::describe() const {
  std::ostringstream text;
  text << "LayerNorm(" << weight.size(0) << (bias.defined() ? ")" : ", no bias)");
  return text.str();
}

RMSNorm::RMSNorm(int64_t features, const RMSNormOptions& options)
    : weight(all_ones("RMSNorm", features)), eps(options.eps) {}
std::string RMSNorm::describe() const {
  std::ostringstream text;
  text << "RMSNorm(" << weight.size(0) << ")";
  return text.str();
}

}  // namespace vitro::nn
