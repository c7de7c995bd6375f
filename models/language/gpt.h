// GPT: a decoder-only transformer (Radford et al., 2019; the names are those of Hugging Face).
//
//   ids (B, T) -> wte + wpe (B, T, C) -> n_layer blocks -> ln_f -> lm_head: logits (B, T, V)
//   block: x + attn(ln_1(x)), then x + mlp(ln_2(x))
//
// By configuration also in the Llama manner (Touvron et al., 2023): RMSNorm, rotary positions,
// SwiGLU, fewer heads of keys and values.  There is no parallelism between layers.
#pragma once
#include "../layers/attention.h"
#include "../layers/norm.h"
#include "language_model.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {
class BpeTokenizer;
}
namespace models {

struct PretrainedLayout;  // models/huggingface/layout.h

enum class NormKind { kLayerNorm, kRMSNorm };
enum class PositionKind { kLearned, kRotary };
enum class MLPKind { kGelu, kSwiGLU, kGeluErf };  // kGelu is the tanh form, as in GPT-2

struct GPTConfig {
  int64_t block_size = 1024;  // the longest context
  int64_t vocab_size = 50257;
  int64_t n_layer = 12, n_head = 12, n_embd = 768;
  double dropout = 0;  // of what is added to the residual stream, and of the two below
  bool bias = true;
  int64_t n_kv_head = 0;  // heads of keys and values; 0: n_head
  int64_t n_inner = 0;    // width of the MLP; 0: 4 n_embd
  NormKind norm = NormKind::kLayerNorm;
  PositionKind position = PositionKind::kLearned;
  MLPKind mlp = MLPKind::kGelu;
  bool tied_head = true;  // lm_head's weight is wte's
  double norm_eps = 1e-5;
  double rope_base = 10000;
  std::optional<double> embd_pdrop = {}, attn_pdrop = {};  // of embeddings and pattern, if another

  // "nano" (nanoGPT's CPU model without its vocabulary), "gpt2", "gpt2-medium", "gpt2-large",
  // "gpt2-xl".  ValueError lists them.
  static GPTConfig preset(const std::string& name);
  int64_t inner() const { return n_inner ? n_inner : 4 * n_embd; }
  int64_t kv_heads() const { return n_kv_head ? n_kv_head : n_head; }
  double embd_dropout() const { return embd_pdrop.value_or(dropout); }
  double attn_dropout() const { return attn_pdrop.value_or(dropout); }
  bool operator==(const GPTConfig&) const = default;
};

struct PretrainedOptions {
  std::optional<DType> dtype = {};     // of the weights; else the files' (float16: float32)
  std::optional<double> dropout = {};  // instead of config.json's three
};

// c_proj(gelu(c_fc(x))) with gelu's tanh or erf form, or in the SwiGLU form c_proj(silu(c_gate(x))
// c_fc(x)) (Shazeer, 2020).
struct MLP : nn::Module {
  nn::Linear c_fc;
  std::unique_ptr<nn::Linear> c_gate;
  nn::HookPoint hook_pre, hook_post;  // around the activation
  nn::Linear c_proj;
  nn::Dropout dropout;
  Activation activation;  // without c_gate

  explicit MLP(const GPTConfig& config, InitialValues values = InitialValues::kRandom);
  void members(nn::Visitor& v) override {
    v("c_fc", c_fc), v("c_gate", c_gate), v("hook_pre", hook_pre), v("hook_post", hook_post);
    v("c_proj", c_proj), v("dropout", dropout);
  }
  Tensor forward(const Tensor& x) override;
};

struct Block : nn::Module {
  nn::HookPoint hook_resid_pre;
  std::unique_ptr<nn::Module> ln_1;
  nn::CausalSelfAttention attn;
  nn::HookPoint hook_attn_out, hook_resid_mid;
  std::unique_ptr<nn::Module> ln_2;
  MLP mlp;
  nn::HookPoint hook_mlp_out, hook_resid_post;

  explicit Block(const GPTConfig& config, InitialValues values = InitialValues::kRandom);
  void members(nn::Visitor& v) override {
    v("hook_resid_pre", hook_resid_pre), v("ln_1", ln_1), v("attn", attn);
    v("hook_attn_out", hook_attn_out), v("hook_resid_mid", hook_resid_mid);
    v("ln_2", ln_2), v("mlp", mlp);
    v("hook_mlp_out", hook_mlp_out), v("hook_resid_post", hook_resid_post);
  }
  Tensor forward(const Tensor& x) override { return run(x, attn.prepare(x), 0); }
  using Module::operator();
  Tensor operator()(const Tensor& x, const nn::AttentionShared& shared, int64_t layer) {
    return call(x, [&](const Tensor& in) { return run(in, shared, layer); });
  }

 private:
  Tensor run(const Tensor& x, const nn::AttentionShared& shared, int64_t layer);
};

struct GPT : LanguageModel {
  GPTConfig config;
  nn::Embedding wte;                   // of tokens
  std::unique_ptr<nn::Embedding> wpe;  // of positions, where they are learned
  nn::HookPoint hook_embed, hook_pos_embed;
  nn::Dropout drop;
  std::vector<Block> h;
  std::unique_ptr<nn::Module> ln_f;
  nn::Linear lm_head;

  // Initially N(0, 0.02), the projections onto the residual stream N(0, 0.02 / sqrt(2 n_layer)),
  // biases 0, norms 1 (nanoGPT).
  explicit GPT(const GPTConfig& config, InitialValues values = InitialValues::kRandom);

  // GPT-2 from a directory with config.json and model.safetensors, or its shards, as Hugging Face
  // keeps it; in eval mode.  IoError for what asks for another computation, and one for all that is
  // missing, unexpected or of another shape.
  static GPT from_pretrained(const std::string& directory, const PretrainedOptions& options = {});
  // The same layout, which is made if there is none.  A loaded model gives the bytes of the files
  // that it came from, but for float16, written as float32, for names that torch.compile prefixed,
  // and for shards, which become one file (their index is removed).  The directory is as it was if
  // this throws, unless all that failed is the last sync.  ValueError for a model that GPT-2's
  // layout has no place for.
  void save_pretrained(const std::string& directory, const text::BpeTokenizer* tokenizer = nullptr);
  std::shared_ptr<const PretrainedLayout> layout;  // of the files it came from; no clone's

  void members(nn::Visitor& v) override {
    v("wte", wte), v("wpe", wpe), v("hook_embed", hook_embed), v("hook_pos_embed", hook_pos_embed);
    v("drop", drop), v("h", h), v("ln_f", ln_f), v("lm_head", lm_head);
  }

  // logits[b, t] scores every token as the one that follows ids[b, 0..t]; ids (T) is one text.
  // ShapeError for more than block_size tokens.
  Tensor forward(const Tensor& ids) override;
  // cross_entropy of the same, ids and targets (B, T).  More than kMostLogits logits are not held
  // but computed in tiles (linear_cross_entropy), unless a hook of the model or of lm_head waits
  // for them.
  static constexpr int64_t kMostLogits = int64_t{1} << 26;  // 256 MiB in float32
  Tensor loss(const Tensor& ids, const Tensor& targets,
              const CrossEntropyOptions& options = {}) override;

  // The logits (B, T, V) of a residual stream (B, T, C) that enters block `layer`; with n_layer, of
  // one that has passed all of them.  The stream stands behind no others: its first position is 0.
  Tensor forward_from(int64_t layer, const Tensor& stream) override;

  // Room for `capacity` tokens (0: block_size) of `batch` texts.
  nn::KVCache make_cache(int64_t batch = 1, int64_t capacity = 0);
  // The logits (B, V) behind the last of ids (B, T), which follow the tokens in the cache and are
  // put there.  Not recorded.
  Tensor next_logits(const Tensor& ids, nn::KVCache& cache);

  int64_t vocab_size() const override { return config.vocab_size; }
  int64_t context() const override { return config.block_size; }
  std::optional<int64_t> max_length() const override { return config.block_size; }
  std::string config_json() const override;
  std::unique_ptr<Reader> make_reader(int64_t texts, int64_t capacity) override;
  int64_t cache_bytes() const override;
  void set_dropout(double p) override;
  Metadata metadata() const override;  // its layout
  void take_metadata(const Metadata& metadata) override;
  std::optional<int64_t> eos_token_id() const override;  // the first that its files name
  // As generation_config.json says, or else config.json, if the model came with one.
  GenerateOptions generate_options() const override;
  std::string describe() const override;

 private:
  Tensor trunk(const Tensor& ids, nn::KVCache* cache);  // (B, T) -> ln_f's output (B, T, C)
  // The blocks from `layer` on.
  Tensor blocks(Tensor x, size_t layer, const nn::AttentionShared& shared);
};

}  // namespace models
}  // namespace vitro
