// Explains stage by stage how a running model computes the token after a prompt.
#pragma once
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cli/model_options.h"
#include "models/proof/cell.h"

namespace vitro::cli {

// Records a model's activations with forward hooks.  Each kind of model has its own subclass.
class Explanation {
 public:
  // The most tokens that the text shows; the model may read more.
  static constexpr int64_t kMostTokens = 16;

  virtual ~Explanation() = default;
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  // `ids` are the tokens of the prompt, and `next` is the token chosen after them.  Call these
  // after the model has read `ids`, or the last of them.
  std::string text(const std::vector<int64_t>& ids, int64_t next);
  nlohmann::ordered_json json(const std::vector<int64_t>& ids, int64_t next);

 protected:
  struct Stage {
    std::string name;
    Tensor output;  // (T, n), or (n,) for the last position alone
    Tensor weight;  // undefined if the stage has none
    std::string note;
  };
  Explanation(const text::Tokenizer& tokenizer, const GenerateArguments& options)
      : tokenizer_(tokenizer), options_(options) {}
  // Sets `input` and `output` in each forward of the module, without the batch axis: (T, ...).
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
  virtual std::string limit() const = 0;  // says why the model does not read all tokens
  std::vector<Stage> stages() const;
  std::vector<Candidate> candidates() const;  // every token that may be chosen, likeliest first
  std::string softmax_note() const;
  std::string bars() const;
  proof::Cell probability_of(int64_t id) const;  // worked with the digits of a calculator

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
