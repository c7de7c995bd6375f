// What happens between a prompt and the next token, stage by stage, read from the running model.
#pragma once
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cli/model_options.h"

namespace vitro::cli {

// Watches a model through forward hooks while it lives; the kinds differ in their stages.
class Explanation {
 public:
  // How many tokens it shows at most; the model may be given more.
  static constexpr int64_t kMostTokens = 16;

  virtual ~Explanation() = default;
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  // After a forward over (the end of) `ids`, from which `next` was chosen.
  std::string text(const std::vector<int64_t>& ids, int64_t next);
  nlohmann::ordered_json json(const std::vector<int64_t>& ids);

 protected:
  struct Stage {
    std::string name;
    Tensor output;  // (T, n), or (n,) for the last position alone
    Tensor weight;  // undefined where there is none
    std::string note;
  };
  Explanation(const text::Tokenizer& tokenizer, const GenerateArguments& options)
      : tokenizer_(tokenizer), options_(options) {}
  // What passes through the module, as (T, ...) of the one text.
  void watch(nn::Module& module, Tensor& input, Tensor& output);
  int64_t last_id() const { return ids_.data<int64_t>()[ids_.numel() - 1]; }

  Tensor ids_, logits_;  // what the model was given, and what it gave

 private:
  struct Candidate {
    int64_t id;
    double probability;
  };
  // From the embedding to the logits.
  virtual std::vector<Stage> own_stages() const = 0;
  virtual std::string limit() const = 0;  // why the model is given no more than it is
  std::vector<Stage> stages() const;
  std::vector<Candidate> candidates() const;  // whatever may be chosen, the likeliest first
  std::string softmax_note() const;
  std::string bars() const;

  const text::Tokenizer& tokenizer_;
  const GenerateArguments& options_;
  std::vector<int64_t> text_;
  std::deque<nn::ScopedHook> hooks_;
};

// An explanation of a MiniLM or a GPT; each has stages of its own.  ValueError for another model.
std::unique_ptr<Explanation> explain(models::LanguageModel& model, const text::Tokenizer& tokenizer,
                                     const GenerateArguments& options);

Tensor last_row(const Tensor& x);  // (n,)
std::string linear_note(const nn::Linear& layer, const std::string& name);

}  // namespace vitro::cli
