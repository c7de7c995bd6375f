// ActivationCache: the outputs of a model's modules and hook points in one run, by name.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "../../framework/nn/module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The outputs of modules and hook points.  A name is a path in the module tree
// ("h.0.attn.hook_pattern"), or TransformerLens's name of the same output
// ("blocks.0.attn.hook_pattern").
class ActivationCache {
 public:
  // Returns the output with this name.  For an unknown name, a ValueError lists the known paths.
  const Tensor& operator[](const std::string& name) const;
  bool contains(const std::string& name) const { return find(name) != nullptr; }  // by either name
  std::vector<std::string> names() const;  // the paths, in the order of the computation
  int64_t size() const { return static_cast<int64_t>(kept_.size()); }  // how many outputs
  const NamedTensors& all() const { return kept_; }  // paths and outputs, in the same order

  Tensor output;  // the output of the whole model

 private:
  friend struct CacheWriter;
  const Tensor* find(const std::string& name) const;
  NamedTensors kept_;
};

// Options of run_with_cache.
struct RunWithCacheOptions {
  // An output is kept if this function returns true for its path or for TransformerLens's name.
  // Without a function, every output is kept.
  std::function<bool(const std::string& name)> names = {};
};

// Runs the model once and keeps the outputs.  They are part of the recorded graph, so backward from
// them reaches the parameters, except under NoGradGuard.  If a module runs more than once, its last
// output is kept.
ActivationCache run_with_cache(Module& model, const Tensor& input,
                               const RunWithCacheOptions& options = {});

// Translate "blocks.3.ln1.hook_normalized" to "h.3.ln_1", and back.  A name that needs no
// translation, or that is unknown, is returned unchanged.
std::string path_of_lens_name(const std::string& name);
std::string lens_name_of_path(const std::string& path);

}  // namespace nn
}  // namespace vitro
