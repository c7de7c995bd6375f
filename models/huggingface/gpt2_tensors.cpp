// The table of GPT-2's tensors, and the parsing of their names.
#include "models/huggingface/gpt2_tensors.h"

#include <charconv>

namespace vitro::models {

std::vector<FileTensor> gpt2_tensors(const GPTConfig& config, int64_t layers) {
  const int64_t c = config.n_embd, inner = config.inner();
  std::vector<FileTensor> all = {{"wte.weight", {config.vocab_size, c}, false},
                                 {"wpe.weight", {config.block_size, c}, false}};
  const auto add_norm = [&](const std::string& path) {
    all.push_back({path + ".weight", {c}, false});
    all.push_back({path + ".bias", {c}, false});
  };
  const auto add_conv1d = [&](const std::string& path, int64_t in, int64_t out) {
    all.push_back({path + ".weight", {in, out}, true});
    all.push_back({path + ".bias", {out}, false});
  };
  for (int64_t i = 0; i < layers; ++i) {
    const std::string block = "h." + std::to_string(i);
    add_norm(block + ".ln_1");
    add_conv1d(block + ".attn.c_attn", c, 3 * c);
    add_conv1d(block + ".attn.c_proj", c, c);
    add_norm(block + ".ln_2");
    add_conv1d(block + ".mlp.c_fc", c, inner);
    add_conv1d(block + ".mlp.c_proj", inner, c);
  }
  add_norm("ln_f");
  all.push_back({std::string(kHead), {config.vocab_size, c}, false});
  return all;
}

std::string_view without_prefix(std::string_view name) {
  for (const std::string_view prefix : {std::string_view("_orig_mod."), kPrefix})
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return name;
}

std::optional<int64_t> layer_of(std::string_view name) {
  if (!name.starts_with("h.")) return {};
  name.remove_prefix(2);
  int64_t layer = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  const bool is_number = error == std::errc() && layer >= 0;
  // The number must be written without leading zeros.
  if (!is_number || !name.starts_with(std::to_string(layer) + ".")) return {};
  return layer;
}

bool is_mask(std::string_view name, int64_t layers) {
  const std::optional<int64_t> layer = layer_of(name);
  if (!layer || *layer >= layers) return false;
  const std::string block = "h." + std::to_string(*layer);
  return name == block + ".attn.bias" || name == block + ".attn.masked_bias";
}

}  // namespace vitro::models
