// The stages that `vitro generate --explain` shows for each kind of model.
#include <cmath>
#include <vector>

#include "apps/cli/output.h"
#include "apps/generate/explain.h"

namespace vitro::cli {

namespace {

std::string row_note(const nn::Embedding& layer, const std::string& name, int64_t row) {
  return layer.describe() + ": row " + std::to_string(row) + " of " + name + ".weight " +
         shape_text(layer.weight.shape());
}

class MiniExplanation final : public Explanation {
 public:
  MiniExplanation(models::MiniLM& model, const text::Tokenizer& tokenizer,
                  const GenerateArguments& options)
      : Explanation(tokenizer, options), model_(model) {
    watch(model.embed, ids_, embedded_);
    watch(model.hidden, context_, hidden_);
    watch(model.head, activated_, logits_);
  }

 private:
  std::string limit() const override { return "older tokens change nothing (see --context)."; }
  std::vector<Stage> own_stages() const override {
    std::vector<Stage> all = {
        {"embed", embedded_, model_.embed.weight, row_note(model_.embed, "embed", last_id())}};
    if (const int64_t k = model_.config.context; k > 1)
      all.push_back({"context",
                     context_,
                     {},
                     "the last " + std::to_string(k) + " embeddings side by side, " +
                         std::to_string(k) + " x " + std::to_string(model_.config.n_embd) +
                         " numbers; zeros stand before the first token"});
    all.push_back({"hidden", hidden_, model_.hidden.weight, linear_note(model_.hidden, "hidden")});
    all.push_back(
        {activation_name(model_.config.activation),
         activated_,
         {},
         "the activation, applied to each number; without it, two linear layers would be one"});
    all.push_back({"head", logits_, model_.head.weight, linear_note(model_.head, "head")});
    return all;
  }

  models::MiniLM& model_;
  Tensor embedded_, context_, hidden_, activated_;
};

double length_of_last(const Tensor& x) {
  const Tensor row = last_row(x).to(kFloat64);
  return std::sqrt((row * row).sum().item());
}

// For a GPT, each block is one stage, which shows what the block adds to the residual stream.
class GPTExplanation final : public Explanation {
 public:
  GPTExplanation(models::GPT& model, const text::Tokenizer& tokenizer,
                 const GenerateArguments& options)
      : Explanation(tokenizer, options), model_(model), blocks_(model.h.size()) {
    watch(model.wte, ids_, embedded_);
    if (model.wpe) watch(*model.wpe, positions_, placed_);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      Seen& seen = blocks_[i];
      watch(model.h[i], seen.input, seen.output);
      watch(model.h[i].attn, seen.ignored, seen.attention);
      watch(model.h[i].mlp, seen.ignored, seen.mlp);
    }
    watch(*model.ln_f, ignored_, normed_);
    watch(model.lm_head, ignored_, logits_);
  }

 private:
  struct Seen {
    Tensor input, output, attention, mlp, ignored;
  };

  std::string limit() const override { return "more tokens do not fit into its context."; }
  std::vector<Stage> own_stages() const override {
    std::vector<Stage> all = {
        {"wte", embedded_, model_.wte.weight, row_note(model_.wte, "wte", last_id())}};
    if (model_.wpe)
      all.push_back({"wpe", placed_, model_.wpe->weight,
                     row_note(*model_.wpe, "wpe", ids_.numel() - 1) +
                         ", which is added: the position of the token"});
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Seen& b = blocks_[i];
      all.push_back(
          {"h." + std::to_string(i),
           b.output,
           {},
           format(
               "the sum of three vectors: input, attention, mlp; length %.2f from %.2f, %.2f, %.2f",
               length_of_last(b.output), length_of_last(b.input), length_of_last(b.attention),
               length_of_last(b.mlp))});
    }
    all.push_back({"ln_f", normed_, {}, model_.ln_f->describe() + ", of the last token only"});
    all.push_back(
        {"lm_head", logits_, model_.lm_head.weight, linear_note(model_.lm_head, "lm_head")});
    return all;
  }

  models::GPT& model_;
  std::vector<Seen> blocks_;  // never resized: hooks refer to its elements
  Tensor embedded_, positions_, placed_, normed_, ignored_;
};

}  // namespace

std::unique_ptr<Explanation> explain(models::LanguageModel& model, const text::Tokenizer& tokenizer,
                                     const GenerateArguments& options) {
  if (auto* gpt = dynamic_cast<models::GPT*>(&model))
    return std::make_unique<GPTExplanation>(*gpt, tokenizer, options);
  if (auto* mini = dynamic_cast<models::MiniLM*>(&model))
    return std::make_unique<MiniExplanation>(*mini, tokenizer, options);
  fail<ValueError>("--explain: expected a MiniLM or a GPT, got ", model.describe());
}

}  // namespace vitro::cli
