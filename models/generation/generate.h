// Generates text: chooses the next token from the model's logits, appends it, and repeats.
#pragma once
#include <functional>
#include <memory>

#include "../language/language_model.h"
#include "../text/tokenizer.h"
#include "sampling.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Returns `ids` followed by the new ids, including the end token.  `on_token` is called with each
// new id; generation stops when it returns false.  Call model.eval() before, to switch dropout off.
//
// A model with a cache, such as a GPT, reads the prompt in one batch and then one token at a time.
// Any other model reads its whole window for each new token.
//
// The context of a model with a max_length() has max_length() tokens, or options.block_size tokens
// if that is less and not 0.  When the context is full, its older half is dropped, and the newer
// half is read again in one batch, from position 0.  So the model reads about two tokens for each
// new token, and each new token follows from at least half a context.  ValueError for a prompt
// longer than the context, unless allow_sliding is set; then only the prompt's end is read.
// A model without a max_length() reads at most the last block_size ids.
std::vector<int64_t> generate(LanguageModel& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t id)>& on_token = {});

// Continues several prompts in one batch, which costs little more than one prompt.  The rows do not
// influence each other: row r equals the result of generate with the seed row_seed(seed, r).  In
// each step, `on_token` is called for the rows in order; a row ends when the call returns false.
std::vector<std::vector<int64_t>> generate_batch(
    LanguageModel& model, std::vector<std::vector<int64_t>> prompts, const GenerateOptions& options,
    const std::function<bool(size_t row, int64_t id)>& on_token = {});

// Returns the seed of a row: `seed` for row 0, and random numbers made from `seed` for other rows.
uint64_t row_seed(uint64_t seed, size_t row);

// Returns the text that follows `prompt`, without the end token or stop string that ends it.
// `on_token` is called with each id and the text that this id adds, in whole code points.  The text
// may be empty: text that could begin a stop string is held back until later tokens decide.  If the
// prompt ends within a character, the result begins with the whole character.
std::string generate_text(
    LanguageModel& model, const text::Tokenizer& tokenizer, const std::string& prompt,
    const GenerateOptions& options,
    const std::function<bool(int64_t id, const std::string& text)>& on_token = {});

// A text that a user and the model write in turns.  Each turn continues the whole text before it,
// within the same context as in generate.  With a cache, a turn reads only its own tokens.
class Conversation {
 public:
  // Model and tokenizer must outlive the conversation.
  Conversation(LanguageModel& model, const text::Tokenizer& tokenizer,
               const GenerateOptions& options);
  ~Conversation();
  // Adds `text`, and returns the model's answer as generate_text does.  If the call or `on_token`
  // throws, the conversation is unchanged.
  std::string say(const std::string& text,
                  const std::function<bool(int64_t id, const std::string& text)>& on_token = {});
  void forget();  // starts an empty conversation
  // Returns the ids of the whole conversation, including the ids of stop strings.
  const std::vector<int64_t>& ids() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace models
}  // namespace vitro
