// Text generation: the model's logits give the next token, which is appended to the text; repeat.
#pragma once
#include <functional>
#include <memory>

#include "../language/language_model.h"
#include "../text/tokenizer.h"
#include "sampling.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Returns ids and their continuation by the model, an end token included.  `on_token` gets each new
// id, and ends the text by returning false; its first call comes when the prompt has been read.
// The caller switches dropout off, with model.eval().
//
// A model with a cache, such as a GPT, reads the prompt in one batch and then one token at a time.
// Any other model reads its whole window for each new token.
//
// A model with a max_length() has a context of so many tokens, or of options.block_size if that is
// less.  When the context is full, its older half is dropped, and the rest is read again in one
// batch, from position 0.  So two tokens are read for each new one, and every token has at least
// half a context before it.  ValueError for a prompt longer than the context; with allow_sliding,
// only its last tokens are read.  A model without a max_length() is given the last block_size ids.
std::vector<int64_t> generate(LanguageModel& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t id)>& on_token = {});

// The same for several prompts at once, which costs little more than one.  Each row is continued to
// its own end and as if it were alone: row r is what generate returns with the seed
// row_seed(seed, r).  For each step, `on_token` gets the new ids from the first row to the last.
std::vector<std::vector<int64_t>> generate_batch(
    LanguageModel& model, std::vector<std::vector<int64_t>> prompts, const GenerateOptions& options,
    const std::function<bool(size_t row, int64_t id)>& on_token = {});

// The seed of a row: `seed` itself for row 0, random numbers drawn from it for the others.
uint64_t row_seed(uint64_t seed, size_t row);

// Returns the continuation of `prompt` as text, up to the end token or a stop string, neither
// included.  `on_token` gets each id with the text that it adds, in whole code points.  That text
// may be empty: what could be the start of a stop string is held back until it is decided.  If the
// prompt ends within a character, the continuation begins with the whole character.
std::string generate_text(
    LanguageModel& model, const text::Tokenizer& tokenizer, const std::string& prompt,
    const GenerateOptions& options,
    const std::function<bool(int64_t id, const std::string& text)>& on_token = {});

// A text that somebody and the model write in turns.  Each turn continues everything before it, in
// the same window as generate.  A cache keeps what the model has read, so that a turn costs only
// its own tokens.
class Conversation {
 public:
  // Model and tokenizer must outlive the conversation.
  Conversation(LanguageModel& model, const text::Tokenizer& tokenizer,
               const GenerateOptions& options);
  ~Conversation();
  // Adds `text`, and returns its continuation as generate_text does.  If this or `on_token` throws,
  // the conversation is as before the call.
  std::string say(const std::string& text,
                  const std::function<bool(int64_t id, const std::string& text)>& on_token = {});
  void forget();  // starts an empty conversation
  // The ids of the whole conversation, including those of stop strings.
  const std::vector<int64_t>& ids() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace models
}  // namespace vitro
