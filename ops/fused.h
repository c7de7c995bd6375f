// Fused ops: a definition made of simple ops, and kernels that compute the same faster in float32
// and bfloat16.  This is the one place that says which of them runs.  Private to ops/.
#pragma once
#include "framework/autograd/engine.h"

namespace vitro {

// Whether backward runs by definition: in float64, which is the calculation by hand, and where the
// gradients get a graph of their own, so that they have derivatives too.
inline bool by_definition(DType dtype) { return dtype == kFloat64 || grad_enabled(); }

// A fused value, unrecorded: definition() in float64, else kernel().
template <class Definition, class Kernel>
Tensor fused_value(DType dtype, const Definition& definition, const Kernel& kernel) {
  NoGradGuard unrecorded;
  return dtype == kFloat64 ? definition() : kernel();
}

// Self has three methods:
//   values() const           the inputs that are differentiated, as a std::vector<Tensor>
//   definition(values) const the output, as simple ops compute it from them
//   kernel_backward(dy)      the gradients of all inputs, as a TensorList
template <class Self>
struct Fused : Op<Self> {
  TensorList backward(const Tensor& dy) override {
    Self& self = static_cast<Self&>(*this);
    if (!by_definition(this->dtype)) return self.kernel_backward(dy);
    const auto definition = [&self](const std::vector<Tensor>& xs) { return self.definition(xs); };
    TensorList gradients = vjp(definition, self.values(), dy);
    while (gradients.size() < this->inputs.size()) gradients.push_back({});  // constants: targets
    return gradients;
  }
};

}  // namespace vitro
