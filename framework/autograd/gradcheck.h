// gradcheck: the gradients of a function held against central differences, in float64.
#pragma once
#include "engine.h"

namespace [[gnu::visibility("default")]] vitro {

struct GradCheck {
  bool ok = true;
  std::string message = {};  // names the op and the element that disagrees most
  explicit operator bool() const { return ok; }
};

// Whether f's gradient is its derivative: for every element x_k of the float64 inputs (others are
// passed on as they are), <dy, df/dx_k> by backward, with and without create_graph, against <dy,
// f(x_k + eps) - f(x_k - eps)> / 2 eps to within atol + rtol |numeric|, for a random dy.  A result
// without a graph has derivative zero.  What f throws passes through; DTypeError for other floats.
GradCheck gradcheck(const Definition& f, const std::vector<Tensor>& inputs, double eps = 1e-6,
                    double atol = 1e-7, double rtol = 1e-6);
// The same for f's gradient, as a function of the inputs and of dy.
GradCheck gradgradcheck(const Definition& f, const std::vector<Tensor>& inputs, double eps = 1e-6,
                        double atol = 1e-6, double rtol = 1e-5);

}  // namespace vitro
