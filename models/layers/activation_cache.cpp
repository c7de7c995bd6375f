// Runs a model and keeps the outputs of its modules and hook points.
#include "models/layers/activation_cache.h"

#include <algorithm>
#include <memory>

namespace vitro::nn {

namespace {

// TransformerLens's name and the path of each output, with "*" in place of the layer's number.
constexpr struct {
  const char *lens, *path;
} kNames[] = {{"blocks.*.hook_resid_pre", "h.*.hook_resid_pre"},
              {"blocks.*.ln1.hook_normalized", "h.*.ln_1"},
              {"blocks.*.attn.hook_q", "h.*.attn.hook_q"},
              {"blocks.*.attn.hook_k", "h.*.attn.hook_k"},
              {"blocks.*.attn.hook_v", "h.*.attn.hook_v"},
              {"blocks.*.attn.hook_attn_scores", "h.*.attn.hook_attn_scores"},
              {"blocks.*.attn.hook_pattern", "h.*.attn.hook_pattern"},
              {"blocks.*.attn.hook_z", "h.*.attn.hook_z"},
              {"blocks.*.hook_attn_out", "h.*.hook_attn_out"},
              {"blocks.*.hook_resid_mid", "h.*.hook_resid_mid"},
              {"blocks.*.ln2.hook_normalized", "h.*.ln_2"},
              {"blocks.*.mlp.hook_pre", "h.*.mlp.hook_pre"},
              {"blocks.*.mlp.hook_post", "h.*.mlp.hook_post"},
              {"blocks.*.hook_mlp_out", "h.*.hook_mlp_out"},
              {"blocks.*.hook_resid_post", "h.*.hook_resid_post"},
              {"ln_final.hook_normalized", "ln_f"}};

// Returns the number that `name` has in place of the "*" of `pattern`, and "" for a pattern without
// "*".  Returns no value if the name does not match.
std::optional<std::string> layer_in(const std::string& pattern, const std::string& name) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos)
    return name == pattern ? std::optional<std::string>("") : std::nullopt;
  const std::string before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) ||
      !name.ends_with(after))
    return std::nullopt;
  const std::string layer = name.substr(star, name.size() - before.size() - after.size());
  return layer.find_first_not_of("0123456789") == std::string::npos ? std::optional(layer)
                                                                    : std::nullopt;
}

std::string translated(const std::string& name, bool to_path) {
  for (const auto& [lens, path] : kNames) {
    const auto layer = layer_in(to_path ? lens : path, name);
    if (!layer) continue;
    std::string other = to_path ? path : lens;
    if (const size_t star = other.find('*'); star != std::string::npos)
      other.replace(star, 1, *layer);
    return other;
  }
  return name;
}

}  // namespace

std::string path_of_lens_name(const std::string& name) { return translated(name, true); }
std::string lens_name_of_path(const std::string& path) { return translated(path, false); }

const Tensor* ActivationCache::find(const std::string& name) const {
  for (const std::string& path : {name, path_of_lens_name(name)})
    for (const auto& [kept, x] : kept_)
      if (kept == path) return &x;
  return nullptr;
}

const Tensor& ActivationCache::operator[](const std::string& name) const {
  if (const Tensor* x = find(name)) return *x;
  std::string all;
  for (const auto& [kept, x] : kept_) all += (all.empty() ? "" : ", ") + kept;
  fail<ValueError>("ActivationCache: expected the name of a kept output, got '", name,
                   "'; the kept outputs are: ", all);
}

std::vector<std::string> ActivationCache::names() const {
  std::vector<std::string> all;
  for (const auto& [name, x] : kept_) all.push_back(name);
  return all;
}

// Lets the hooks of run_with_cache write to a cache's private list.
struct CacheWriter {
  static void keep(ActivationCache& cache, const std::string& path, const Tensor& x) {
    std::erase_if(cache.kept_, [&](const auto& one) { return one.first == path; });
    cache.kept_.emplace_back(path, x);
  }
};

ActivationCache run_with_cache(Module& model, const Tensor& input,
                               const RunWithCacheOptions& options) {
  ActivationCache cache;
  std::vector<std::unique_ptr<ScopedHook>> hooks;
  for (const auto& [path, module] : model.named_modules()) {
    if (path.empty()) continue;  // the whole model: cache.output has its output
    if (options.names && !options.names(path) && !options.names(lens_name_of_path(path))) continue;
    hooks.push_back(std::make_unique<ScopedHook>(module->register_forward_hook(
        [&cache, path = path](Module&, const Tensor&, const Tensor& y) {
          CacheWriter::keep(cache, path, y);
          return Tensor();
        })));
  }
  cache.output = model(input);
  return cache;
}

}  // namespace vitro::nn
