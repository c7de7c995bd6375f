// Reading windows, and drawing token after token.
#include "models/generation/rows.h"

#include <algorithm>
#include <limits>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro::models {

std::span<const int64_t> Row::distinct() {
  for (; noted_ < ids.size(); ++noted_)
    if (known_.insert(ids[noted_]).second) distinct_.push_back(ids[noted_]);
  return distinct_;
}

Context context_of(nn::Module& model, const GenerateOptions& options) {
  const auto given = static_cast<size_t>(options.block_size);
  if (const auto* gpt = dynamic_cast<const GPT*>(&model)) {
    const auto block = static_cast<size_t>(gpt->config.block_size),
               size = given ? std::min(block, given) : block;
    return {size, size / 2 + 1};
  }
  const size_t size = given ? given : std::numeric_limits<size_t>::max();
  return {size, size};
}

void check_prompt(size_t tokens, size_t size, const GenerateOptions& options) {
  check<ValueError>(tokens <= size || options.allow_sliding, "generate: a prompt of at most ", size,
                    " tokens, the model's context, expected: got ", tokens,
                    "; shorten it, or let its last ", size, " count (allow_sliding)");
}

Reader reading_anew(nn::Module& model) {
  return [&model](const Rows& rows) {
    std::vector<Tensor> logits(rows.size());
    for (size_t r = 0; r < rows.size(); ++r)
      if (!rows[r].ended) logits[r] = model(from_span(rows[r].window())).select(0, -1);
    return logits;
  };
}

CachedReader::CachedReader(GPT& model, size_t rows, size_t capacity)
    : model_(model),
      cache_(model.make_cache(static_cast<int64_t>(rows), static_cast<int64_t>(capacity))) {}

std::vector<Tensor> CachedReader::operator()(const Rows& rows) {
  const bool begins =
      cache_.length() == 0 || cache_.length() == cache_.capacity() || rows[0].start != start_;
  const Tensor logits = model_.next_logits(begins ? whole(rows) : news(rows), cache_);
  std::vector<Tensor> each;
  for (int64_t r = 0; r < logits.size(0); ++r) each.push_back(logits[r]);
  return each;
}

void CachedReader::clear() { cache_.clear(); }

// (B, T): of one text all that the cache lacks, of several the last token of each, whatever a text
// that has ended reads.
Tensor CachedReader::news(const Rows& rows) const {
  if (rows.size() == 1) {
    const auto window = rows[0].window();
    return unsqueeze(from_span(window.subspan(static_cast<size_t>(cache_.length()))), 0);
  }
  const Tensor ids = empty({cache_.batch(), 1}, kInt64);
  for (size_t r = 0; r < rows.size(); ++r) raw<int64_t>(ids)[r] = rows[r].ids.back();
  return ids;
}

Tensor CachedReader::whole(const Rows& rows) {  // (B, T), the shorter ones behind zeros
  std::vector<std::span<const int64_t>> windows;
  int64_t longest = 0;
  for (const Row& row : rows) {
    windows.push_back(row.ended ? row.window().last(1) : row.window());
    longest = std::max<int64_t>(longest, std::ssize(windows.back()));
  }
  const Tensor ids = zeros({cache_.batch(), longest}, kInt64);
  int64_t* end = raw<int64_t>(ids);
  std::vector<int64_t> padding;
  for (const auto& window : windows) {
    padding.push_back(longest - std::ssize(window));
    std::copy_backward(window.begin(), window.end(), end += longest);
  }
  cache_.clear();
  cache_.set_padding(std::move(padding));
  start_ = rows[0].start;
  return ids;
}

void grow(Rows& rows, const GenerateOptions& options, Context context, const Reader& read,
          const std::function<bool(size_t, int64_t)>& on_token) {
  NoGradGuard unrecorded;
  size_t live = rows.size();
  for (int64_t i = 0; i < options.max_new_tokens && live > 0; ++i) {
    for (Row& row : rows)
      if (row.window().size() > context.size) row.start = row.ids.size() - context.kept;
    const std::vector<Tensor> logits = read(rows);
    for (size_t r = 0; r < rows.size(); ++r) {
      Row& row = rows[r];
      if (row.ended) continue;
      const bool looks_back = options.repetition_penalty != 1;
      const int64_t id = next_token(logits[r], options, *row.generator,
                                    looks_back ? row.distinct() : std::span<const int64_t>());
      row.ids.push_back(id);
      row.ended = !on_token(r, id) || id == options.eos_token_id;
      live -= row.ended;
    }
  }
}

}  // namespace vitro::models
