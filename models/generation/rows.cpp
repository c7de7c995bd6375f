// Continues rows: reads their windows, and appends one token to each row per step.
#include "models/generation/rows.h"

#include <algorithm>
#include <limits>

namespace vitro::models {

std::span<const int64_t> Row::distinct() {
  for (; noted_ < ids.size(); ++noted_)
    if (known_.insert(ids[noted_]).second) distinct_.push_back(ids[noted_]);
  return distinct_;
}

Context context_of(const LanguageModel& model, const GenerateOptions& options) {
  const std::optional<int64_t> limit = model.max_length();
  const size_t most = limit ? static_cast<size_t>(*limit) : std::numeric_limits<size_t>::max(),
               given = static_cast<size_t>(options.block_size),
               size = given ? std::min(most, given) : most;
  return {size, limit ? size / 2 + 1 : size};
}

void check_prompt(const LanguageModel& model, size_t tokens, size_t size,
                  const GenerateOptions& options) {
  check<ValueError>(!model.max_length() || tokens <= size || options.allow_sliding,
                    "generate: expected a prompt of at most ", size,
                    " tokens, the model's context, got ", tokens,
                    "; shorten it, or set allow_sliding to use its last ", size);
}

std::unique_ptr<Reader> make_reader(LanguageModel& model, size_t rows, size_t capacity,
                                    const GenerateOptions& options) {
  if (!options.use_cache) return make_window_reader(model);
  constexpr size_t kMost = INT64_MAX;
  return model.make_reader(static_cast<int64_t>(rows),
                           static_cast<int64_t>(std::min(capacity, kMost)));
}

void grow(Rows& rows, const GenerateOptions& options, Context context, Reader& reader,
          const std::function<bool(size_t, int64_t)>& on_token) {
  NoGradGuard unrecorded;
  std::vector<Window> windows(rows.size());
  size_t live = rows.size();
  for (int64_t i = 0; i < options.max_new_tokens && live > 0; ++i) {
    for (size_t r = 0; r < rows.size(); ++r) {
      Row& row = rows[r];
      if (row.window_size() > context.size) row.start = row.ids.size() - context.kept;
      windows[r] = row.window();
    }
    const std::vector<Tensor> logits = reader.next_logits(windows);
    for (size_t r = 0; r < rows.size(); ++r) {
      Row& row = rows[r];
      if (row.ended) continue;
      const bool looks_back = options.repetition_penalty != 1;
      const int64_t id = next_token(logits[r], options, *row.generator,
                                    looks_back ? row.distinct() : std::span<const int64_t>());
      row.ids.push_back(id);
      row.ended = !on_token(r, id) || options.eos_token_id.has(id);
      live -= row.ended;
    }
  }
}

}  // namespace vitro::models
