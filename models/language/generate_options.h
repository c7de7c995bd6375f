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
  // From nothing, an id or several.
  EndTokens() = default;
  EndTokens(int64_t id) : ids_{id} {}
  EndTokens(std::nullopt_t) {}
  EndTokens(std::optional<int64_t> id) : ids_(id ? 1 : 0, id.value_or(0)) {}
  EndTokens(std::initializer_list<int64_t> ids) : ids_(ids) {}
  EndTokens(std::vector<int64_t> ids) : ids_(std::move(ids)) {}

  bool has(int64_t id) const { return std::ranges::find(ids_, id) != ids_.end(); }  // id ends texts
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
  // Draw only from the likeliest tokens, as few as have the probability p together, but at least
  // one (nucleus sampling; Holtzman et al., 2020).
  std::optional<double> top_p = {};
  bool do_sample = false;  // false: the likeliest token is chosen, the first of equal ones
  // Acts before the others, also without sampling (Keskar et al., 2019): a token that the text
  // contains has its logit divided by this if it is positive, and multiplied by it otherwise.
  double repetition_penalty = 1;

  EndTokens eos_token_id = {};        // each of these ids ends the text
  std::optional<uint64_t> seed = {};  // of sampling; without a value, the default generator draws
  bool use_cache = true;       // keep keys and values if the model can; the tokens are the same
  bool allow_sliding = false;  // use the end of a prompt that exceeds the context; else ValueError
  int64_t block_size = 0;      // the most ids that the model is given; 0: as many as it takes
  int64_t vocab_size = 0;      // ids from here on are padding and never chosen; 0: there are none

  // For text, in UTF-8: the special tokens that a prompt may contain, and the strings that end a
  // continuation.
  std::vector<std::string> allowed_special = {}, stop_strings = {};
};

// Throws ValueError, with the name of the option, for a value that makes no sense.
void check_options(const GenerateOptions& options);

}  // namespace models
}  // namespace vitro
