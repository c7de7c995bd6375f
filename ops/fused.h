// Helpers for fused ops.  A fused op has a definition made of simple ops, and kernels that compute
// the same result faster in float32 and bfloat16.  Only this file decides whether the definition or
// the kernels run.  Private to ops/.
#pragma once
#include "framework/autograd/engine.h"

namespace vitro {

// Whether backward differentiates the definition.  It does so in float64, the reference dtype, and
// in every dtype while grad mode is on (create_graph), because the kernels record no graph.
inline bool by_definition(DType dtype) { return dtype == kFloat64 || grad_enabled(); }

// The value of a fused op, unrecorded: definition() in float64, else kernel().
template <class Definition, class Kernel>
Tensor fused_value(DType dtype, const Definition& definition, const Kernel& kernel) {
  NoGradGuard unrecorded;
  return dtype == kFloat64 ? definition() : kernel();
}

// Self defines three methods:
//   values() const           returns the inputs that are differentiated: std::vector<Tensor>
//   definition(values) const computes the output from them with simple ops
//   kernel_backward(dy)      returns the gradients of all inputs: TensorList
template <class Self>
struct Fused : Op<Self> {
  TensorList backward(const Tensor& dy) override {
    Self& self = static_cast<Self&>(*this);
    if (!by_definition(this->dtype)) return self.kernel_backward(dy);
    const auto definition = [&self](const std::vector<Tensor>& xs) { return self.definition(xs); };
    TensorList gradients = vjp(definition, self.values(), dy);
    while (gradients.size() < this->inputs.size()) gradients.push_back({});  // e.g. targets
    return gradients;
  }
};

}  // namespace vitro
