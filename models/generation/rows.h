// Texts that one model continues, side by side.
#pragma once
#include <functional>
#include <span>
#include <unordered_set>

#include "models/generation/sampling.h"
#include "models/language/language_model.h"

namespace vitro::models {

// A text that grows, and where the window of it begins that the model is given.
struct Row {
  std::vector<int64_t> ids;
  Generator* generator = nullptr;
  size_t start = 0;
  bool ended = false;

  Window window() const { return {std::span(ids).subspan(start), start, ended}; }
  size_t window_size() const { return ids.size() - start; }
  // Each of the ids once: what a repetition penalty is about.
  std::span<const int64_t> distinct();

 private:
  std::vector<int64_t> distinct_ = {};
  std::unordered_set<int64_t> known_ = {};
  size_t noted_ = 0;
};
using Rows = std::vector<Row>;

// A window has at most `size` tokens; one that outgrows it keeps the last `kept`.
struct Context {
  size_t size, kept;
};
// Of this model by these options: half is kept where the model's own limit is reached, because all
// that is kept is read again.
Context context_of(const LanguageModel& model, const GenerateOptions& options);

// ValueError for a prompt of so many tokens that a model with a limit does not take, unless it may
// slide.
void check_prompt(const LanguageModel& model, size_t tokens, size_t size,
                  const GenerateOptions& options);

// The model's own reader, or one that reads anew, as the options say.
std::unique_ptr<Reader> make_reader(LanguageModel& model, size_t rows, size_t capacity,
                                    const GenerateOptions& options);

// Until each row has ended, by its end token or its listener, or max_new_tokens have come.
void grow(Rows& rows, const GenerateOptions& options, Context context, Reader& reader,
          const std::function<bool(size_t row, int64_t id)>& on_token);

}  // namespace vitro::models
