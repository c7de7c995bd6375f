// What every part of a model gave in one run, by name.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "../../framework/nn/module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The outputs of modules and hook points, by their paths in the tree ("h.0.attn.hook_pattern"), or
// by the names that TransformerLens gives them ("blocks.0.attn.hook_pattern").
class ActivationCache {
 public:
  // ValueError for a name that nothing was kept under; it lists those that there are.
  const Tensor& operator[](const std::string& name) const;
  bool contains(const std::string& name) const { return find(name) != nullptr; }
  std::vector<std::string> names() const;  // paths, in the order of the computation
  int64_t size() const { return static_cast<int64_t>(kept_.size()); }
  const NamedTensors& all() const { return kept_; }

  Tensor output;  // of the whole model

 private:
  friend struct CacheWriter;
  const Tensor* find(const std::string& name) const;
  NamedTensors kept_;
};

struct RunWithCacheOptions {
  // Whether to keep what has this name; asked about the path, and about TransformerLens's name.
  std::function<bool(const std::string& name)> names = {};  // none: everything is kept
};

// Runs the model once.  What is kept is recorded as the run is: gradients flow back from it, and
// under NoGradGuard none do.  Of a module that ran more than once, the last output stays.
ActivationCache run_with_cache(Module& model, const Tensor& input,
                               const RunWithCacheOptions& options = {});

// "blocks.3.ln1.hook_normalized" <-> "h.3.ln_1"; a name that is the same in both, or known to
// neither, comes back as it is.
std::string path_of_lens_name(const std::string& name);
std::string lens_name_of_path(const std::string& path);

}  // namespace nn
}  // namespace vitro
