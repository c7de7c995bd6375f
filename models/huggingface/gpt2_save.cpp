// Saves GPT-2 in Hugging Face's layout.
#include <filesystem>
#include <system_error>

#include "framework/io/file.h"
#include "framework/io/safetensors_header.h"
#include "framework/nn/walk.h"
#include "models/huggingface/gpt2_config.h"
#include "models/huggingface/gpt2_tensors.h"
#include "models/huggingface/layout.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::models {

namespace {

namespace fs = std::filesystem;

void check_is_gpt2(const GPTConfig& c) {
  const std::pair<const char*, bool> others[] = {
      {"RMSNorm", c.norm != NormKind::kLayerNorm},
      {"rotary positions", c.position != PositionKind::kLearned},
      {"SwiGLU", c.mlp == MLPKind::kSwiGLU},
      {"fewer heads of keys and values", c.kv_heads() != c.n_head}};
  std::string all;
  for (const auto& [what, is_there] : others)
    if (is_there) all += (all.empty() ? "" : ", ") + std::string(what);
  check<ValueError>(all.empty(), "save_pretrained: expected a model like GPT-2, got one with ", all,
                    ", which the layout cannot hold; use save_checkpoint");
}

// Returns the current configuration.  The head may have been tied or untied, and dropout may have
// been set, after the model was made.
GPTConfig as_it_is(const GPT& model) {
  GPTConfig c = model.config;
  const nn::CausalSelfAttention& attn = model.h.front().attn;
  const auto if_another = [&](double p) {
    return p == c.dropout ? std::nullopt : std::optional(p);
  };
  c.tied_head = model.lm_head.weight.impl() == model.wte.weight.impl();
  c.dropout = attn.resid_dropout.p;
  c.embd_pdrop = if_another(model.drop.p);
  c.attn_pdrop = if_another(attn.attn_dropout.p);
  return c;
}

// Returns views of the weights with their names in the layout.  Biases that the model does not have
// become zeros, because the layout needs all biases.
NamedTensors file_tensors(GPT& model, bool is_tied, const PretrainedLayout& layout) {
  NoGradGuard unrecorded;
  std::map<std::string, Tensor> own;
  for (auto& [name, x] : nn::all_tensors(model)) own.emplace(name, *x);
  const std::string prefix(layout.has_prefix ? kPrefix : "");
  NamedTensors all;
  for (const auto& [name, shape, is_transposed] :
       gpt2_tensors(model.config, model.config.n_layer)) {
    const bool is_head = name == kHead;
    if (is_head && is_tied && !layout.has_head) continue;
    const auto found = own.find(name);
    const Tensor x = found == own.end() ? zeros(shape, model.wte.weight.dtype()) : found->second;
    all.emplace_back(is_head ? name : prefix + name, is_transposed ? x.t() : x);
  }
  for (const auto& [name, mask] : layout.masks) all.emplace_back(prefix + name, mask);
  return all;
}

// Makes a directory, and removes it if the save fails.  Parent directories are not removed.
class MadeDirectory {
 public:
  explicit MadeDirectory(const std::string& path) : path_(path) {
    std::error_code error;
    is_new_ = fs::create_directories(path, error);
    check<IoError>(!error, "save_pretrained: expected a directory that can be made, got ", path,
                   ": ", error.message());
  }
  ~MadeDirectory() {
    std::error_code error;
    if (is_new_) fs::remove(path_, error);
  }
  void keep() { is_new_ = false; }

 private:
  std::string path_;
  bool is_new_;
};

// Removes the index of older shards from the directory.  A failure does no harm, because loading
// prefers the single file.
void remove_index(const std::string& directory) {
  std::error_code ignored;
  fs::remove(fs::path(directory) / "model.safetensors.index.json", ignored);
}

}  // namespace

void GPT::save_pretrained(const std::string& directory, const text::BpeTokenizer* tokenizer) {
  check_is_gpt2(config);
  check<ValueError>(!tokenizer || tokenizer->vocab_size() <= config.vocab_size,
                    "save_pretrained: expected a tokenizer of at most ", config.vocab_size,
                    " tokens, as the model has, got ", tokenizer ? tokenizer->vocab_size() : 0);
  const PretrainedLayout fresh;
  const PretrainedLayout& form = layout ? *layout : fresh;
  const GPTConfig now = as_it_is(*this);
  MadeDirectory made(directory);
  AtomicFiles files;
  const auto add = [&](const std::string& name) -> AtomicFile& {
    return files.add(fs::path(directory) / name);
  };
  const auto add_text = [&](const std::string& name, const std::string& text) {
    add(name).write(text.data(), text.size());
  };
  add_text("config.json", gpt2_config_json(now, wte.weight.dtype(), form.config_json,
                                           tokenizer ? tokenizer->end_of_text() : std::nullopt));
  if (!form.generation_json.empty()) add_text("generation_config.json", form.generation_json);
  if (tokenizer)
    for (const auto& [name, text] : tokenizer->pretrained_files(directory)) add_text(name, text);
  write_safetensors(add("model.safetensors"), file_tensors(*this, now.tied_head, form),
                    form.metadata);
  files.commit();
  made.keep();
  remove_index(directory);
}

}  // namespace vitro::models
