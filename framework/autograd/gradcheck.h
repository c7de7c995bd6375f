// gradcheck compares the gradients of a function with central differences, in float64.
#pragma once
#include "engine.h"

namespace [[gnu::visibility("default")]] vitro {

// The result of a check.
struct GradCheck {
  bool ok = true;            // whether all elements agree
  std::string message = {};  // names the op and the element that disagrees most; empty if ok
  explicit operator bool() const { return ok; }  // ok
};

// Checks f's gradient for a random dy: for every element x_k of the float64 inputs, <dy, df/dx_k>
// from backward must equal d = <dy, f(x_k + eps) - f(x_k - eps)> / (2 eps) to atol + rtol |d|.
// Backward runs with and without create_graph.  The gradient of a result without a graph is zero.
// Inputs of integers and bools are passed to f unchanged; other floating inputs are a DTypeError.
// Errors that f throws pass through.
GradCheck gradcheck(const Definition& f, const std::vector<Tensor>& inputs, double eps = 1e-6,
                    double atol = 1e-7, double rtol = 1e-6);
// Checks the second derivative: f's gradient is checked as a function of the inputs and of dy.
GradCheck gradgradcheck(const Definition& f, const std::vector<Tensor>& inputs, double eps = 1e-6,
                        double atol = 1e-6, double rtol = 1e-5);

}  // namespace vitro
