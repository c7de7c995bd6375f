// The engine: gradients of recorded graphs.
#pragma once
#include "node.h"

namespace [[gnu::visibility("default")]] vitro {

struct GradOptions {
  std::vector<Tensor> grad_outputs = {};  // dL/d(output); ones for a scalar output
  bool retain_graph = false;              // keep saved tensors for another backward
  bool create_graph = false;              // record the gradients' own graph (retains this one)
  bool allow_unused = false;              // an input that no output depends on: undefined gradient
};

// dL/dx for each x of `inputs`, where dL/dy is given for each y of `outputs`.  Leaves every grad()
// alone; to any order with create_graph.  GraphError for misuse.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});
std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

// The vector-Jacobian product of a definition f, differentiable while grad mode is on.
using Definition = std::function<Tensor(const std::vector<Tensor>&)>;
TensorList vjp(const Definition& f, const std::vector<Tensor>& xs, const Tensor& dy);

// A place for a tensor that lives as long as the backward that runs on this thread.
Tensor& run_note(const void* key);

}  // namespace vitro
