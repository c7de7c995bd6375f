// Makes directories with a tiny GPT-2 in Hugging Face's layout, and reads their files.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "framework/io/file.h"
#include "tests/support/process.h"
#include "vitro.h"

namespace vitro::testing {

using models::GPT;
using models::GPTConfig;
using OrderedJson = nlohmann::ordered_json;

inline constexpr models::GPTConfig kTinyGPT2{
    .block_size = 8, .vocab_size = 11, .n_layer = 2, .n_head = 2, .n_embd = 6};

// A GPT with weights so large that every part changes the logits.
inline GPT tiny_gpt2(const GPTConfig& config = kTinyGPT2, DType dtype = kFloat32) {
  manual_seed(7);
  GPT model(config);
  NoGradGuard unrecorded;
  for (auto& [name, p] : model.named_parameters()) p.add_(randn(p.shape()) * 0.3);
  model.to(dtype);
  model.eval();
  return model;
}

inline OrderedJson config_json_of(const GPT& model) {
  const GPTConfig& c = model.config;
  OrderedJson json = {{"activation_function", "gelu_new"},
                      {"architectures", {"GPT2LMHeadModel"}},
                      {"attn_pdrop", 0.1},
                      {"embd_pdrop", 0.1},
                      {"layer_norm_epsilon", 1e-05},
                      {"model_type", "gpt2"},
                      {"n_ctx", c.block_size},
                      {"n_embd", c.n_embd},
                      {"n_head", c.n_head},
                      {"n_inner", nullptr},
                      {"n_layer", c.n_layer},
                      {"n_positions", c.block_size},
                      {"resid_pdrop", 0.1},
                      {"task_specific_params", {{"text-generation", {{"max_length", 50}}}}},
                      {"torch_dtype", std::string(dtype_name(model.wte.weight.dtype()))},
                      {"vocab_size", c.vocab_size}};
  if (!c.tied_head) json["tie_word_embeddings"] = false;
  return json;
}

inline bool is_conv1d(const std::string& name) {
  return name.ends_with("c_attn.weight") || name.ends_with("c_proj.weight") ||
         name.ends_with("c_fc.weight");
}

// The weights with the names and layout that transformers writes.
inline NamedTensors weights_of(GPT& model, const std::string& prefix = "transformer.") {
  NoGradGuard unrecorded;
  NamedTensors all;
  for (const auto& [name, x] : model.state_dict())
    all.emplace_back(name == "lm_head.weight" ? name : prefix + name,
                     is_conv1d(name) ? x.t().contiguous() : x);
  return all;
}
inline void add_masks(NamedTensors& all, const std::string& prefix, DType dtype) {
  const Tensor mask = tril(ones({1, 1, 8, 8})).to(dtype);
  for (int64_t i = 0; i < kTinyGPT2.n_layer; ++i) {
    const std::string attn = prefix + "h." + std::to_string(i) + ".attn.";
    all.emplace_back(attn + "bias", mask);
    all.emplace_back(attn + "masked_bias", tensor(-1e4));
  }
}

// A directory with the files that transformers writes.
struct Files {
  TemporaryDirectory directory;
  std::string path = directory / "gpt2";

  Files(const OrderedJson& config, const NamedTensors& weights) {
    std::filesystem::create_directory(path);
    write("config.json", config.dump(2) + "\n");
    save_safetensors(path + "/model.safetensors", weights, {{"format", "pt"}});
  }
  explicit Files(GPT& model) : Files(config_json_of(model), weights_of(model)) {}
  void write(const std::string& name, const std::string& bytes) const {
    write_file(path + "/" + name, bytes);
  }
  std::string read(const std::string& name) const { return read_file(path + "/" + name); }
};

inline Tensor logits_of(GPT& model) {
  NoGradGuard unrecorded;
  return model(tensor({{3, 1, 4, 1, 5, 9}, {2, 6, 10, 0, 8, 7}}, kInt64));
}

// The path and bytes of every file below a directory.
inline std::map<std::string, std::string> contents(const std::string& path) {
  std::map<std::string, std::string> all;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path))
    all[file.path()] = file.is_directory() ? "" : read_file(file.path());
  return all;
}

inline text::BpeTokenizer small_tokenizer(int64_t vocab_size) {
  return text::BpeTokenizer::train("the cat sat on the mat, and the rat sat there", vocab_size);
}

}  // namespace vitro::testing
