// What happens between a prompt and the next token, stage by stage, read from the running model.
#pragma once
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/model_options.h"

namespace vitro::cli {

// Watches a MiniLM through forward hooks while it lives.
class Explanation {
 public:
  // How many tokens it shows at most; the model may be given more.
  static constexpr int64_t kMostTokens = 16;

  Explanation(models::MiniLM& model, const text::Tokenizer& tokenizer,
              const GenerateOptions& options);
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  // After a forward over (the end of) `ids`, from which `next` was chosen.
  std::string text(const std::vector<int64_t>& ids, int64_t next) const;
  nlohmann::ordered_json json() const;

 private:
  struct Stage {
    std::string name;
    Tensor output;  // (T, n), or (n,) for the last position alone
    Tensor weight;  // undefined where there is none
    std::string note;
  };
  struct Candidate {
    int64_t id;
    double probability;
  };
  std::vector<Stage> stages() const;
  std::vector<Candidate> candidates() const;  // whatever may be chosen, the likeliest first
  std::string softmax_note() const;
  std::string bars() const;

  models::MiniLM& model_;
  const text::Tokenizer& tokenizer_;
  const GenerateOptions& options_;
  Tensor ids_, embedded_, context_, hidden_, activated_, logits_;
  std::deque<nn::ScopedHook> hooks_;
};

}  // namespace vitro::cli
