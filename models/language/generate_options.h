// What a continuation is to be like: how long, how the next token is chosen, where it ends.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// The ids that end a text: none, one or several.
//
//   GenerateOptions one{.eos_token_id = 50256}, two{.eos_token_id = {50256, 50257}};
class EndTokens {
 public:
  EndTokens() = default;
  EndTokens(int64_t id) : ids_{id} {}
  EndTokens(std::nullopt_t) {}
  EndTokens(std::optional<int64_t> id) : ids_(id ? 1 : 0, id.value_or(0)) {}
  EndTokens(std::initializer_list<int64_t> ids) : ids_(ids) {}
  EndTokens(std::vector<int64_t> ids) : ids_(std::move(ids)) {}

  bool has(int64_t id) const { return std::ranges::find(ids_, id) != ids_.end(); }
  bool empty() const { return ids_.empty(); }
  const std::vector<int64_t>& ids() const { return ids_; }
  void reset() { ids_.clear(); }

 private:
  std::vector<int64_t> ids_;
};

struct GenerateOptions {
  int64_t max_new_tokens = 100;

  // Of sampling, in the order in which they act (as Hugging Face's):
  double temperature = 1;             // logits are divided by it; 0: the likeliest token
  std::optional<int64_t> top_k = {};  // among the k likeliest only
  std::optional<double> top_p = {};   // among the fewest whose probability reaches p, at least one
                                      // (nucleus; Holtzman et al., 2020)
  bool do_sample = false;             // else the likeliest token, the first of equals
  // With and without sampling, before all others (Keskar et al., 2019): logits of tokens that the
  // text has are divided by it where positive, else multiplied.
  double repetition_penalty = 1;

  EndTokens eos_token_id = {};        // each of them ends the text
  std::optional<uint64_t> seed = {};  // of sampling; without one, the default generator draws
  bool use_cache = true;       // of keys and values, where the model has them; the tokens are equal
  bool allow_sliding = false;  // a prompt longer than the model's context: its end; else an error
  int64_t block_size = 0;      // how many of the last ids the model is given at most; 0: all it can
  int64_t vocab_size = 0;      // ids from here on only pad and are never chosen; 0: all may be

  // Of text, in UTF-8: special tokens that the prompt may become, and what ends the continuation.
  std::vector<std::string> allowed_special = {}, stop_strings = {};
};

// ValueError, naming it, for an option that makes no sense.
void check_options(const GenerateOptions& options);

}  // namespace models
}  // namespace vitro
