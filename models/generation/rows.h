// Rows: texts that one model continues side by side.
#pragma once
#include <functional>
#include <span>
#include <unordered_set>

#include "models/generation/sampling.h"
#include "models/language/language_model.h"

namespace vitro::models {

// A text that grows, and the window of it that the model sees.
struct Row {
  std::vector<int64_t> ids;
  Generator* generator = nullptr;  // for its draws; not owned
  size_t start = 0;                // where the window begins
  bool ended = false;

  Window window() const { return {std::span(ids).subspan(start), start, ended}; }
  size_t window_size() const { return ids.size() - start; }
  // Each id of the text once, for the repetition penalty.
  std::span<const int64_t> distinct();

 private:
  std::vector<int64_t> distinct_ = {};
  std::unordered_set<int64_t> known_ = {};
  size_t noted_ = 0;  // how many of the ids are in distinct_
};
using Rows = std::vector<Row>;

// A window has at most `size` tokens.  When it would exceed them, only the last `kept` remain.
struct Context {
  size_t size, kept;
};
// The context of a model with these options.  A model with a limit keeps half of it, because
// everything that is kept must be read again.
Context context_of(const LanguageModel& model, const GenerateOptions& options);

// Throws ValueError if a model with a limit gets a prompt of more than `size` tokens, unless
// options.allow_sliding.
void check_prompt(const LanguageModel& model, size_t tokens, size_t size,
                  const GenerateOptions& options);

// The model's own reader; without options.use_cache, one that reads every window from the start.
std::unique_ptr<Reader> make_reader(LanguageModel& model, size_t rows, size_t capacity,
                                    const GenerateOptions& options);

// Continues the rows until each has ended, by an end token or because on_token returned false, or
// until max_new_tokens have been added.
void grow(Rows& rows, const GenerateOptions& options, Context context, Reader& reader,
          const std::function<bool(size_t row, int64_t id)>& on_token);

}  // namespace vitro::models
