// Rows: several texts that one model continues at the same time.
#pragma once
#include <functional>
#include <span>
#include <unordered_set>

#include "models/generation/sampling.h"
#include "models/language/language_model.h"

namespace vitro::models {

// A growing text, and its window: the last ids, which are all that the model reads.
struct Row {
  std::vector<int64_t> ids;
  Generator* generator = nullptr;  // draws the tokens; not owned
  size_t start = 0;                // where the window begins
  bool ended = false;

  Window window() const { return {std::span(ids).subspan(start), start, ended}; }
  size_t window_size() const { return ids.size() - start; }
  // Returns each id of the text once, for the repetition penalty.
  std::span<const int64_t> distinct();

 private:
  std::vector<int64_t> distinct_ = {};
  std::unordered_set<int64_t> known_ = {};
  size_t noted_ = 0;  // distinct_ covers this many of the first ids
};
using Rows = std::vector<Row>;

// A window has at most `size` tokens.  When it gets longer, all but its last `kept` tokens are
// dropped.
struct Context {
  size_t size, kept;
};
// Returns the context for a model and options.  A model with a max_length() keeps only half of the
// window, because it has to read the kept tokens again.
Context context_of(const LanguageModel& model, const GenerateOptions& options);

// Throws ValueError if the model has a max_length() and the prompt has more than `size` tokens,
// unless options.allow_sliding is set.
void check_prompt(const LanguageModel& model, size_t tokens, size_t size,
                  const GenerateOptions& options);

// Returns the model's own reader, or, without options.use_cache, make_window_reader(model).
std::unique_ptr<Reader> make_reader(LanguageModel& model, size_t rows, size_t capacity,
                                    const GenerateOptions& options);

// Appends max_new_tokens tokens to each row.  A row ends earlier after an end token, or when
// on_token returns false.
void grow(Rows& rows, const GenerateOptions& options, Context context, Reader& reader,
          const std::function<bool(size_t row, int64_t id)>& on_token);

}  // namespace vitro::models
