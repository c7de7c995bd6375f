// GPT: a decoder-only transformer (Radford et al., 2019; the names are Hugging Face's).
//
//   ids (B, T) -> wte + wpe (B, T, C) -> n_layer blocks -> ln_f -> lm_head: logits (B, T, V)
//   block: x + attn(ln_1(x)), then x + mlp(ln_2(x))
//
// The configuration can also select parts of Llama (Touvron et al., 2023): RMSNorm, rotary
// positions, SwiGLU, fewer heads of keys and values.
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

// The norm before attention, before the MLP and before the head.
enum class NormKind {
  kLayerNorm,  // nn::LayerNorm
  kRMSNorm     // nn::RMSNorm
};
// How a token's position enters the model.
enum class PositionKind {
  kLearned,  // wpe: an embedding of each position is added
  kRotary    // rope: queries and keys are rotated
};
// The form of the MLP.
enum class MLPKind {
  kGelu,    // gelu's tanh form, as in GPT-2
  kSwiGLU,  // with a gate, as in Llama
  kGeluErf  // the exact gelu, with erf
};

// The configuration of a GPT; the defaults give the smallest GPT-2.
struct GPTConfig {
  int64_t block_size = 1024;                        // the longest context
  int64_t vocab_size = 50257;                       // V
  int64_t n_layer = 12, n_head = 12, n_embd = 768;  // n_head is H, n_embd is C
  double dropout = 0;     // of results of attention and MLP, of embeddings, of the pattern
  bool bias = true;       // whether linear layers and LayerNorm have biases
  int64_t n_kv_head = 0;  // heads of keys and values; 0: n_head
  int64_t n_inner = 0;    // width of the MLP; 0: 4 n_embd
  NormKind norm = NormKind::kLayerNorm;            // which norm
  PositionKind position = PositionKind::kLearned;  // which positions
  MLPKind mlp = MLPKind::kGelu;                    // which MLP
  bool tied_head = true;                           // lm_head's weight is wte's
  double norm_eps = 1e-5;                          // added to a norm's variance
  double rope_base = 10000;                        // of rotary positions
  // Dropout of embeddings and of the attention pattern; without a value: `dropout`.
  std::optional<double> embd_pdrop = {}, attn_pdrop = {};

  // "nano" (nanoGPT's CPU model, but with GPT-2's vocabulary), "gpt2", "gpt2-medium", "gpt2-large",
  // or "gpt2-xl".  For another name, a ValueError lists them.
  static GPTConfig preset(const std::string& name);

  // The values in use.  If a field above is 0 or has no value, another field replaces it.
  int64_t inner() const { return n_inner ? n_inner : 4 * n_embd; }
  int64_t kv_heads() const { return n_kv_head ? n_kv_head : n_head; }
  double embd_dropout() const { return embd_pdrop.value_or(dropout); }
  double attn_dropout() const { return attn_pdrop.value_or(dropout); }
  bool operator==(const GPTConfig&) const = default;  // field by field
};

// Options of GPT::from_pretrained.
struct PretrainedOptions {
  // The dtype of the weights; without a value, the files' dtype (but float32 for float16).
  std::optional<DType> dtype = {};
  std::optional<double> dropout = {};  // replaces the three probabilities of config.json
};

// c_proj(gelu(c_fc(x))), with gelu's tanh or erf form, or SwiGLU: c_proj(silu(c_gate(x)) c_fc(x))
// (Shazeer, 2020).
struct MLP : nn::Module {
  nn::Linear c_fc;                     // C -> inner()
  std::unique_ptr<nn::Linear> c_gate;  // C -> inner(), for SwiGLU; else null
  nn::HookPoint hook_pre, hook_post;   // before and after the activation
  nn::Linear c_proj;                   // inner() -> C
  nn::Dropout dropout;                 // of the result
  Activation activation;               // gelu's form; unused with c_gate

  // Makes an MLP outside of a GPT, with the initial values of a GPT's MLP.
  explicit MLP(const GPTConfig& config, InitialValues values = InitialValues::kRandom);
  void members(nn::Visitor& v) override {
    v("c_fc", c_fc), v("c_gate", c_gate), v("hook_pre", hook_pre), v("hook_post", hook_post);
    v("c_proj", c_proj), v("dropout", dropout);
  }
  Tensor forward(const Tensor& x) override;
};

// One layer: x + attn(ln_1(x)), then x + mlp(ln_2(x)).  (B, T, C) -> (B, T, C).
struct Block : nn::Module {
  nn::HookPoint hook_resid_pre;                 // x
  std::unique_ptr<nn::Module> ln_1;             // before attention
  nn::CausalSelfAttention attn;                 // between the tokens
  nn::HookPoint hook_attn_out, hook_resid_mid;  // attn's result, x + this result
  std::unique_ptr<nn::Module> ln_2;             // before the MLP
  MLP mlp;                                      // for each token
  nn::HookPoint hook_mlp_out, hook_resid_post;  // mlp's result, the block's result

  // Makes a block outside of a GPT, with the initial values of a GPT's block.
  explicit Block(const GPTConfig& config, InitialValues values = InitialValues::kRandom);
  void members(nn::Visitor& v) override {
    v("hook_resid_pre", hook_resid_pre), v("ln_1", ln_1), v("attn", attn);
    v("hook_attn_out", hook_attn_out), v("hook_resid_mid", hook_resid_mid);
    v("ln_2", ln_2), v("mlp", mlp);
    v("hook_mlp_out", hook_mlp_out), v("hook_resid_post", hook_resid_post);
  }
  Tensor forward(const Tensor& x) override { return run(x, attn.prepare(x), 0); }
  using Module::operator();
  // Runs the block as layer `layer` of a model, with the values that all layers share.
  Tensor operator()(const Tensor& x, const nn::AttentionShared& shared, int64_t layer) {
    return call(x, [&](const Tensor& in) { return run(in, shared, layer); });
  }

 private:
  Tensor run(const Tensor& x, const nn::AttentionShared& shared, int64_t layer);
};

// The model; its parts are named as in Hugging Face's GPT-2.
struct GPT : LanguageModel {
  GPTConfig config;                          // as given
  nn::Embedding wte;                         // of tokens: V -> C
  std::unique_ptr<nn::Embedding> wpe;        // of positions, if they are learned; else null
  nn::HookPoint hook_embed, hook_pos_embed;  // the two embeddings
  nn::Dropout drop;                          // of their sum
  std::vector<Block> h;                      // the layers
  std::unique_ptr<nn::Module> ln_f;          // the norm before the head
  nn::Linear lm_head;                        // C -> V

  // The initial values are nanoGPT's.  Weights have the standard deviation 0.02, except that
  // c_proj, which writes to the residual stream, has 0.02 / sqrt(2 n_layer).  Biases are 0, norm
  // weights 1.
  explicit GPT(const GPTConfig& config, InitialValues values = InitialValues::kRandom);

  // Loads GPT-2 from a directory in Hugging Face's layout: config.json, and model.safetensors or
  // its shards.  The model is in eval mode.  IoError for a configuration that this class cannot
  // compute.  One IoError lists all tensors that are missing, unexpected or of the wrong shape.
  static GPT from_pretrained(const std::string& directory, const PretrainedOptions& options = {});
  // Writes the same layout to a directory, which is made if needed.  A model that was loaded and
  // not changed gives the same bytes, with three exceptions: float16 becomes float32, prefixes of
  // torch.compile are dropped, and shards become one file (their index is removed).  If the call
  // throws, the directory is unchanged, unless only the last sync failed.  ValueError for a model
  // that GPT-2's layout cannot describe.
  void save_pretrained(const std::string& directory, const text::BpeTokenizer* tokenizer = nullptr);
  std::shared_ptr<const PretrainedLayout> layout;  // of the loaded files; not cloned

  void members(nn::Visitor& v) override {
    v("wte", wte), v("wpe", wpe), v("hook_embed", hook_embed), v("hook_pos_embed", hook_pos_embed);
    v("drop", drop), v("h", h), v("ln_f", ln_f), v("lm_head", lm_head);
  }

  // logits[b, t] has a score of each token as the successor of ids[b, 0..t].  ids (T) is one text.
  // ShapeError for more than block_size tokens.
  Tensor forward(const Tensor& ids) override;
  // cross_entropy of forward(ids); ids and targets (B, T).  More than kMostLogits logits are not
  // stored but computed in tiles (linear_cross_entropy), unless the model or lm_head has a hook.
  static constexpr int64_t kMostLogits = int64_t{1} << 26;  // 256 MiB in float32
  Tensor loss(const Tensor& ids, const Tensor& targets,
              const CrossEntropyOptions& options = {}) override;

  // Returns the logits (B, T, V) of a residual stream (B, T, C) that enters block `layer`.  With
  // n_layer, the stream enters ln_f.  The first position of the stream is 0.
  Tensor forward_from(int64_t layer, const Tensor& stream) override;

  // A cache for `capacity` tokens (0: block_size) of each of `batch` texts.
  nn::KVCache make_cache(int64_t batch = 1, int64_t capacity = 0);
  // Appends ids (B, T) to the tokens in the cache, and returns the logits (B, V) of the token that
  // follows them.  Nothing is recorded.
  Tensor next_logits(const Tensor& ids, nn::KVCache& cache);

  int64_t vocab_size() const override { return config.vocab_size; }
  int64_t context() const override { return config.block_size; }
  std::optional<int64_t> max_length() const override { return config.block_size; }
  std::string config_json() const override;
  std::unique_ptr<Reader> make_reader(int64_t texts, int64_t capacity) override;
  int64_t cache_bytes() const override;
  void set_dropout(double p) override;
  Metadata metadata() const override;  // the layout, if there is one
  void take_metadata(const Metadata& metadata) override;
  std::optional<int64_t> eos_token_id() const override;  // the first in the loaded files
  // The options in the loaded generation_config.json, or, without one, in config.json.
  GenerateOptions generate_options() const override;
  std::string describe() const override;

 private:
  Tensor trunk(const Tensor& ids, nn::KVCache* cache);  // (B, T) -> ln_f's output (B, T, C)
  // Runs the blocks from `layer` on.
  Tensor blocks(Tensor x, size_t layer, const nn::AttentionShared& shared);
};

}  // namespace models
}  // namespace vitro
