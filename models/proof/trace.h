// Trace: what every module of a model really had and gave, in one forward and backward.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/nn/module.h"
#include "../../framework/tensor/named_tensors.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// One call of a module.  The tensors have no graph.
struct Call {
  std::string path;  // "" is the model itself
  nn::Module* module = nullptr;
  Tensor x = {}, y = {};    // input and output
  Tensor dx = {}, dy = {};  // dL/dx and dL/dy; undefined where no gradient came
  std::vector<std::unique_ptr<Call>> children = {};  // the calls inside it, in their order
  int64_t began = 0, ended = 0;  // places of input and output in the order of the computation
};

// The gradient of one parameter of one module.  A tied parameter has one per module.
struct ParameterGradient {
  std::string path;      // "h.0.mlp.c_fc.weight"
  nn::Module* module;    // whose parameter it is
  const Tensor* place;   // the module's handle
  Tensor gradient = {};  // undefined if no gradient came
};

// A fault that is planted on purpose, to see that the proof finds it.
struct Planted {
  std::string path;       // of a module
  bool backward = false;  // false: its output times `factor`; true: its gradients
  double factor = 1;
};

// The record of one run.
struct Trace {
  std::unique_ptr<Call> root;
  std::vector<ParameterGradient> parameters;
  Tensor loss;     // the cross entropy, if there were targets
  Tensor targets;  // as given

  // Every call, in the order in which the calls began.
  std::vector<const Call*> calls() const;
  // The first call of the module at `path`; null if it was not called.
  const Call* find(const std::string& path) const;
};

// Runs model(input) in its own dtype, in eval mode, and backward from the mean cross entropy to
// `targets` or, without targets, from sum(y dy) for a given `dy`.  Neither the model's gradients
// nor its parameters change.  A module's HookPoints, Dropouts and Identities are recorded only
// where a hook is attached, because others would only repeat their input, and some hook points
// change the kernel.
struct TraceOptions {
  Tensor targets = {}, dy = {};
  std::optional<Planted> planted = {};
};
Trace run_traced(nn::Module& model, const Tensor& input, const TraceOptions& options = {});

// Whether m returns its input in eval mode: a HookPoint, Dropout or Identity.
bool is_identity(const nn::Module& m);

}  // namespace proof
}  // namespace vitro
