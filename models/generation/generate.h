// Text generation: logits -> the next token -> the text so far, one token longer -> logits ...
#pragma once
#include <functional>
#include <memory>

#include "../language/language_model.h"
#include "../text/tokenizer.h"
#include "sampling.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// ids and what the model continues them with, an end token included.  `on_token` sees each new id;
// it ends the text by returning false.  Its first call comes when the prompt has been read.
// Dropout is the caller's business: model.eval().
//
// A model with a cache, such as a GPT, reads the prompt in one batch and then one token at a time.
// A model without one reads the same window anew for each token.
//
// A model that takes no more than max_length tokens has a context of so many, or of the options'
// block_size.  When that is full, its oldest half is dropped and the rest is read again in one
// batch, from position 0: two tokens are read for each new one, and every token has at least half a
// context before it.  ValueError for a prompt longer than the context, unless allow_sliding: then
// its last tokens count.  Any other model is given the last block_size ids.
std::vector<int64_t> generate(LanguageModel& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t id)>& on_token = {});

// The same for several prompts at once, which costs little more than one.  Each goes on as if alone
// and until its own end: row r as by generate with the seed row_seed(seed, r).  `on_token` sees the
// new ids of all rows, of each token from the first row to the last.
std::vector<std::vector<int64_t>> generate_batch(
    LanguageModel& model, std::vector<std::vector<int64_t>> prompts, const GenerateOptions& options,
    const std::function<bool(size_t row, int64_t id)>& on_token = {});

// Row 0 has the seed itself, the others random numbers drawn from it.
uint64_t row_seed(uint64_t seed, size_t row);

// The continuation of `prompt` as text, without the end token and what begins with a stop string;
// `on_token` sees each id with the text that it adds, in whole code points.  That may be none: what
// could begin a stop string is held back until it is decided.  Of a prompt that ends within a
// character the text begins with all of that character.
std::string generate_text(
    LanguageModel& model, const text::Tokenizer& tokenizer, const std::string& prompt,
    const GenerateOptions& options,
    const std::function<bool(int64_t id, const std::string& text)>& on_token = {});

// A text that somebody and the model write in turns, each after all that was said before; the
// window and its policy are those of generate.  What a model with a cache has read stays there, so
// that a turn costs its own tokens.  Model and tokenizer must outlive it.
class Conversation {
 public:
  Conversation(LanguageModel& model, const text::Tokenizer& tokenizer,
               const GenerateOptions& options);
  ~Conversation();
  // Adds `text`, and returns what follows, as generate_text does.  If it or `on_token` throws,
  // nothing was said.
  std::string say(const std::string& text,
                  const std::function<bool(int64_t id, const std::string& text)>& on_token = {});
  void forget();  // all that was said
  // Of all that was said, what completed a stop string included.
  const std::vector<int64_t>& ids() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace models
}  // namespace vitro
