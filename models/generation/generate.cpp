// Generates the ids that follow one prompt or several prompts.
#include "models/generation/generate.h"

#include <algorithm>

#include "models/generation/rows.h"

namespace vitro::models {

namespace {

void grow(LanguageModel& model, Rows& rows, const GenerateOptions& options,
          const std::function<bool(size_t, int64_t)>& on_token) {
  const Context context = context_of(model, options);
  size_t longest = 0;
  for (Row& row : rows) {
    check_prompt(model, row.ids.size(), context.size, options);
    row.start = row.ids.size() - std::min(row.ids.size(), context.size);
    longest = std::max(longest, row.window_size());
  }
  if (options.max_new_tokens == 0 || rows.empty()) return;
  // The last new token is not read, so the cache needs no room for it.
  const auto more = static_cast<size_t>(options.max_new_tokens - 1);
  const size_t capacity = more < context.size - longest ? longest + more : context.size;
  grow(rows, options, context, *make_reader(model, rows.size(), capacity, options), on_token);
}

void check_for_ids(const GenerateOptions& options) {
  check_options(options);
  check<ValueError>(options.stop_strings.empty() && options.allowed_special.empty(),
                    "generate: expected no stop_strings and no allowed_special for ids, got some; "
                    "call generate_text instead");
}

uint64_t number(uint64_t seed, uint64_t index) {
  const auto bits = philox(seed, index);
  return uint64_t{bits[0]} << 32 | bits[1];
}

}  // namespace

std::vector<int64_t> generate(LanguageModel& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t)>& on_token) {
  check_for_ids(options);
  check<ValueError>(!ids.empty(), "generate: expected a prompt of at least one token, got none");
  Generator own(options.seed.value_or(0));
  Rows rows(1);
  rows[0].ids = std::move(ids);
  rows[0].generator = options.seed ? &own : &default_generator();
  grow(model, rows, options, [&](size_t, int64_t id) { return !on_token || on_token(id); });
  return std::move(rows[0].ids);
}

std::vector<std::vector<int64_t>> generate_batch(
    LanguageModel& model, std::vector<std::vector<int64_t>> prompts, const GenerateOptions& options,
    const std::function<bool(size_t, int64_t)>& on_token) {
  check_for_ids(options);
  Generator& all = default_generator();
  const uint64_t seed = options.seed ? *options.seed : number(all.seed(), all.reserve(1));
  std::vector<Generator> generators;
  for (size_t r = 0; r < prompts.size(); ++r) generators.emplace_back(row_seed(seed, r));
  Rows rows(prompts.size());
  for (size_t r = 0; r < prompts.size(); ++r) {
    check<ValueError>(!prompts[r].empty(), "generate: expected at least one token in prompt ", r,
                      ", got none");
    rows[r].ids = std::move(prompts[r]);
    rows[r].generator = &generators[r];
  }
  grow(model, rows, options,
       [&](size_t row, int64_t id) { return !on_token || on_token(row, id); });
  std::vector<std::vector<int64_t>> texts;
  for (Row& row : rows) texts.push_back(std::move(row.ids));
  return texts;
}

uint64_t row_seed(uint64_t seed, size_t row) {
  // Other seeds come from the end of the random sequence, which the draws of row 0 never reach.
  return row == 0 ? seed : number(seed, ~static_cast<uint64_t>(row));
}

}  // namespace vitro::models
