// MiniLM: the smallest language model that shows how they all work.
//
//   ids (B, T) -> embedding (B, T, E) -> linear, activation (B, T, H) -> linear: logits (B, T, V)
//
// logits[b, t] scores every token as the one that follows ids[b, 0..t].  With context k the
// embeddings of the last k tokens are concatenated first (Bengio et al., 2003), zeros standing
// before the start.
#pragma once
#include "../layers/layers.h"
#include "language_model.h"
#include "mini_lm_config.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct MiniLM : LanguageModel {
  MiniLMConfig config;
  nn::Embedding embed;
  nn::Linear hidden;
  nn::HookPoint hook_post;  // the activations between the linear layers
  nn::Dropout drop;
  nn::Linear head;

  explicit MiniLM(const MiniLMConfig& config);
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
