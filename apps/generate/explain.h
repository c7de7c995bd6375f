// Explains stage by stage how a running model comes from a prompt to the next token.
#pragma once
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cli/model_options.h"

namespace vitro::cli {

// Watches a model through forward hooks while it lives.  Each kind of model has its own subclass.
class Explanation {
 public:
  // The most tokens that it shows; the model may be given more.
  static constexpr int64_t kMostTokens = 16;

  virtual ~Explanation() = default;
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  // Call these after a forward over `ids`, or over their end, from which `next` was chosen.
  std::string text(const std::vector<int64_t>& ids, int64_t next);
  nlohmann::ordered_json json(const std::vector<int64_t>& ids);

 protected:
  struct Stage {
    std::string name;
    Tensor output;  // (T, n), or (n,) for the last position alone
    Tensor weight;  // undefined if the stage has none
    std::string note;
  };
  Explanation(const text::Tokenizer& tokenizer, const GenerateArguments& options)
      : tokenizer_(tokenizer), options_(options) {}
  // Keeps the input and output of each forward of the module, without the batch axis: (T, ...).
  void watch(nn::Module& module, Tensor& input, Tensor& output);
  int64_t last_id() const { return ids_.data<int64_t>()[ids_.numel() - 1]; }

  Tensor ids_, logits_;  // input and output of the model: (T,) and (T, V), or (V,)

 private:
  struct Candidate {
    int64_t id;
    double probability;
  };
  // The stages from the embedding to the logits.
  virtual std::vector<Stage> own_stages() const = 0;
  virtual std::string limit() const = 0;  // says why the model is not given all tokens
  std::vector<Stage> stages() const;
  std::vector<Candidate> candidates() const;  // every token that may be chosen, likeliest first
  std::string softmax_note() const;
  std::string bars() const;

  const text::Tokenizer& tokenizer_;
  const GenerateArguments& options_;
  std::vector<int64_t> text_;
  std::deque<nn::ScopedHook> hooks_;
};

// An explanation of a MiniLM or a GPT.  ValueError for another model.
std::unique_ptr<Explanation> explain(models::LanguageModel& model, const text::Tokenizer& tokenizer,
                                     const GenerateArguments& options);

Tensor last_row(const Tensor& x);  // (n,)
std::string linear_note(const nn::Linear& layer, const std::string& name);

}  // namespace vitro::cli
