// The engine computes gradients of recorded graphs: grad() and vjp().
#pragma once
#include "node.h"

namespace [[gnu::visibility("default")]] vitro {

// Options of grad().
struct GradOptions {
  std::vector<Tensor> grad_outputs = {};  // dL/d(output); ones for a scalar output
  bool retain_graph = false;              // keep saved tensors for another backward
  bool create_graph = false;              // record the gradients' own graph; retains this graph
  bool allow_unused = false;              // undefined gradient, not an error, for unused inputs
};

// Returns dL/dx for each x of `inputs`, given dL/dy for each y of `outputs`.  It changes no
// Tensor::grad().  With create_graph the results have a graph.  GraphError for misuse.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});
std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

using Definition = std::function<Tensor(const std::vector<Tensor>&)>;  // a function of tensors
// The vector-Jacobian products dL/dx_i of y = f(xs), given dy.  Undefined for an x_i that is not
// floating or that f does not use.  The results are differentiable if grad mode is on.
TensorList vjp(const Definition& f, const std::vector<Tensor>& xs, const Tensor& dy);

// A tensor that is stored under `key` until this thread's innermost running backward ends.
Tensor& run_note(const void* key);

}  // namespace vitro
