// MiniLM: a very small language model, which shows how every language model works.
#pragma once
#include "../layers/layers.h"
#include "language_model.h"
#include "mini_lm_config.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// ids (B, T) -> embedding (B, T, E) -> linear, activation (B, T, H) -> linear: logits (B, T, V).
// With a context of k, `hidden` gets the joined embeddings of the last k tokens (Bengio et al.,
// 2003), with zeros for places before the beginning of the text.
struct MiniLM : LanguageModel {
  MiniLMConfig config;      // as given
  nn::Embedding embed;      // V -> E
  nn::Linear hidden;        // k E -> H
  nn::HookPoint hook_post;  // the activations between the linear layers
  nn::Dropout drop;         // of these activations
  nn::Linear head;          // H -> V

  explicit MiniLM(const MiniLMConfig& config);  // ShapeError for a size below 1
  void members(nn::Visitor& v) override {
    v("embed", embed), v("hidden", hidden), v("hook_post", hook_post), v("drop", drop);
    v("head", head);
  }
  int64_t vocab_size() const override { return config.vocab_size; }
  int64_t context() const override { return config.context; }
  std::string config_json() const override { return to_json(config); }
  void set_dropout(double p) override { config.dropout = drop.p = p; }
  std::string describe() const override { return models::describe(config); }
  Tensor forward(const Tensor& ids) override {
    return head(drop(hook_post(hidden(with_context(embed(ids)), config.activation))));
  }

 private:
  Tensor with_context(const Tensor& x) const;  // (..., T, E) -> (..., T, k E)
};

}  // namespace models
}  // namespace vitro
