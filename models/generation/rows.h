// Texts that one model continues, side by side: what each window holds and how it is read.
#pragma once
#include <functional>
#include <span>
#include <unordered_set>

#include "models/generation/sampling.h"
#include "models/language/gpt.h"

namespace vitro::models {

// A text that grows, and the window of it that the model is given.
struct Row {
  std::vector<int64_t> ids;
  Generator* generator;
  size_t start = 0;
  bool ended = false;

  std::span<const int64_t> window() const { return std::span(ids).subspan(start); }
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
// Of this model by these options; only a GPT has a limit of its own.
Context context_of(nn::Module& model, const GenerateOptions& options);

// ValueError for a prompt of so many tokens that does not fit, unless it may slide.
void check_prompt(size_t tokens, size_t size, const GenerateOptions& options);

// The logits (V) behind the window of each row that has not ended.
using Reader = std::function<std::vector<Tensor>(const Rows&)>;
Reader reading_anew(nn::Module& model);

// Reads what is new in each window, until the cache is full or a window has slid; then all of them
// again.
class CachedReader {
 public:
  CachedReader(GPT& model, size_t rows, size_t capacity);
  std::vector<Tensor> operator()(const Rows& rows);
  void clear();  // no token read

 private:
  Tensor news(const Rows& rows) const;
  Tensor whole(const Rows& rows);

  GPT& model_;
  KVCache cache_;
  size_t start_ = 0;  // of the first row's window when all was read
};

// Until each row has ended, by its end token or its listener, or max_new_tokens have come.
void grow(Rows& rows, const GenerateOptions& options, Context context, const Reader& read,
          const std::function<bool(size_t row, int64_t id)>& on_token);

}  // namespace vitro::models
