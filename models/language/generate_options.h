// GenerateOptions: how long a continuation is, how its tokens are chosen, and where it ends.
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
  // From nothing, one id or several ids.
  EndTokens() = default;
  EndTokens(int64_t id) : ids_{id} {}
  EndTokens(std::nullopt_t) {}
  EndTokens(std::optional<int64_t> id) : ids_(id ? 1 : 0, id.value_or(0)) {}
  EndTokens(std::initializer_list<int64_t> ids) : ids_(ids) {}
  EndTokens(std::vector<int64_t> ids) : ids_(std::move(ids)) {}

  // Whether `id` ends a text.
  bool has(int64_t id) const { return std::ranges::find(ids_, id) != ids_.end(); }
  bool empty() const { return ids_.empty(); }               // no id ends a text
  const std::vector<int64_t>& ids() const { return ids_; }  // as given
  void reset() { ids_.clear(); }                            // removes all ids

 private:
  std::vector<int64_t> ids_;
};

// Options of generate and of everything built on it.  Sampling applies temperature, top_k and top_p
// in this order, as Hugging Face does.
struct GenerateOptions {
  int64_t max_new_tokens = 100;  // the text may end earlier

  double temperature = 1;             // divides the logits; 0: the likeliest token is chosen
  std::optional<int64_t> top_k = {};  // draw only from the k likeliest tokens
  // Draw only from the likeliest tokens: the fewest tokens, at least one, with probabilities that
  // sum to p or more (nucleus sampling; Holtzman et al., 2020).
  std::optional<double> top_p = {};
  bool do_sample = false;  // false: choose the likeliest token; among equal logits, the lowest id
  // For each token that the text contains, divides its logit if the logit is positive, else
  // multiplies it (Keskar et al., 2019).  This comes before the other options, and also without
  // sampling.
  double repetition_penalty = 1;

  EndTokens eos_token_id = {};        // each of these ids ends the text
  std::optional<uint64_t> seed = {};  // for sampling; no value: the default generator is used
  bool use_cache = true;       // store keys and values if the model can; same tokens, less time
  bool allow_sliding = false;  // read the end of a prompt longer than the context; else ValueError
  int64_t block_size = 0;      // the most ids that the model reads at once; 0: its own limit
  int64_t vocab_size = 0;      // ids >= vocab_size are padding, never chosen; 0: no padding

  // For text, in UTF-8: the special tokens that a prompt may contain, and the strings that end a
  // continuation.
  std::vector<std::string> allowed_special = {}, stop_strings = {};
};

// Throws a ValueError that names the option if a value is out of range.
void check_options(const GenerateOptions& options);

}  // namespace models
}  // namespace vitro
