// Text generation.
#include "models/generate.h"

#include <algorithm>
#include <limits>

#include "framework/elementwise.h"
#include "models/gpt.h"
#include "ops/ops.h"

namespace vitro::models {

namespace {

// A text that grows, and the window of it that the model is given.
struct Row {
  std::vector<int64_t> ids;
  Generator* generator;
  size_t start = 0;
  bool ended = false;

  std::span<const int64_t> window() const { return std::span(ids).subspan(start); }
};
using Rows = std::vector<Row>;

// A window has at most `size` tokens; one that outgrows it keeps the last `kept`.
struct Context {
  size_t size, kept;
};

// The logits (V) behind the window of each row that has not ended.
using Reader = std::function<std::vector<Tensor>(const Rows&)>;
using Listener = std::function<bool(size_t row, int64_t id)>;

Reader reading_anew(nn::Module& model) {
  return [&model](const Rows& rows) {
    std::vector<Tensor> logits(rows.size());
    for (size_t r = 0; r < rows.size(); ++r)
      if (!rows[r].ended) logits[r] = model(from_span(rows[r].window())).select(0, -1);
    return logits;
  };
}

// Reads the last token of each window, until the cache is full: only then has one slid.
class CachedReader {
 public:
  CachedReader(GPT& model, size_t rows, size_t capacity)
      : model_(model),
        cache_(model.make_cache(static_cast<int64_t>(rows), static_cast<int64_t>(capacity))) {}

  std::vector<Tensor> operator()(const Rows& rows) {
    const bool begins = cache_.length() == 0 || cache_.length() == cache_.capacity();
    const Tensor logits = model_.next_logits(begins ? whole(rows) : last(rows), cache_);
    std::vector<Tensor> each;
    for (int64_t r = 0; r < logits.size(0); ++r) each.push_back(logits[r]);
    return each;
  }

 private:
  Tensor last(const Rows& rows) const {  // (B, 1); what texts that ended read does not matter
    const Tensor ids = empty({cache_.batch(), 1}, kInt64);
    for (size_t r = 0; r < rows.size(); ++r) raw<int64_t>(ids)[r] = rows[r].ids.back();
    return ids;
  }

  Tensor whole(const Rows& rows) {  // (B, T), the shorter ones behind zeros
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
    return ids;
  }

  GPT& model_;
  KVCache cache_;
};

void grow(Rows& rows, const GenerateOptions& options, Context context, const Reader& read,
          const Listener& on_token) {
  NoGradGuard unrecorded;
  size_t live = rows.size();
  for (int64_t i = 0; i < options.max_new_tokens && live > 0; ++i) {
    for (Row& row : rows)
      if (row.window().size() > context.size) row.start = row.ids.size() - context.kept;
    const std::vector<Tensor> logits = read(rows);
    for (size_t r = 0; r < rows.size(); ++r) {
      Row& row = rows[r];
      if (row.ended) continue;
      const int64_t id = next_token(logits[r], options, *row.generator, row.ids);
      row.ids.push_back(id);
      row.ended = !on_token(r, id) || id == options.eos_token_id;
      live -= row.ended;
    }
  }
}

void grow(GPT& model, Rows& rows, const GenerateOptions& options, const Listener& on_token) {
  const auto block = static_cast<size_t>(model.config.block_size);
  const size_t size =
      options.block_size ? std::min(block, static_cast<size_t>(options.block_size)) : block;
  size_t longest = 0;
  for (Row& row : rows) {
    check<ValueError>(row.ids.size() <= size || options.allow_sliding,
                      "generate: a prompt of at most ", size,
                      " tokens, the model's context, expected: got ", row.ids.size(),
                      "; shorten it, or let its last ", size, " count (allow_sliding)");
    row.start = row.ids.size() - std::min(row.ids.size(), size);
    longest = std::max(longest, row.window().size());
  }
  if (options.max_new_tokens == 0 || rows.empty()) return;
  const Context context{size, size / 2 + 1};
  const auto more = static_cast<size_t>(options.max_new_tokens - 1);  // the last one is not read
  const size_t capacity = more < size - longest ? longest + more : size;
  if (!options.use_cache) return grow(rows, options, context, reading_anew(model), on_token);
  CachedReader reader(model, rows.size(), capacity);
  grow(rows, options, context, std::ref(reader), on_token);
}

void check_for_ids(const GenerateOptions& options) {
  check_options(options);
  check<ValueError>(options.stop_strings.empty(),
                    "generate: ids have no stop_strings: generate_text has");
}

uint64_t number(uint64_t seed, uint64_t index) {
  const auto bits = philox(seed, index);
  return uint64_t{bits[0]} << 32 | bits[1];
}

}  // namespace

std::vector<int64_t> generate(nn::Module& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t)>& on_token) {
  check_for_ids(options);
  check<ValueError>(!ids.empty(), "generate: the prompt must have at least one token");
  Generator own(options.seed.value_or(0));
  Rows rows(1);
  rows[0] = {std::move(ids), options.seed ? &own : &default_generator()};
  const Listener listen = [&](size_t, int64_t id) { return !on_token || on_token(id); };
  if (auto* gpt = dynamic_cast<GPT*>(&model)) {
    grow(*gpt, rows, options, listen);
  } else {
    const size_t size = options.block_size ? static_cast<size_t>(options.block_size)
                                           : std::numeric_limits<size_t>::max();
    grow(rows, options, {size, size}, reading_anew(model), listen);
  }
  return std::move(rows[0].ids);
}

std::vector<std::vector<int64_t>> generate_batch(
    GPT& model, std::vector<std::vector<int64_t>> prompts, const GenerateOptions& options,
    const std::function<bool(size_t, int64_t)>& on_token) {
  check_for_ids(options);
  Generator& all = default_generator();
  const uint64_t seed = options.seed ? *options.seed : number(all.seed(), all.reserve(1));
  std::vector<Generator> generators;
  for (size_t r = 0; r < prompts.size(); ++r) generators.emplace_back(row_seed(seed, r));
  Rows rows;
  for (size_t r = 0; r < prompts.size(); ++r) {
    check<ValueError>(!prompts[r].empty(), "generate: prompt ", r, " must have at least one token");
    rows.push_back({std::move(prompts[r]), &generators[r]});
  }
  grow(model, rows, options,
       [&](size_t row, int64_t id) { return !on_token || on_token(row, id); });
  std::vector<std::vector<int64_t>> texts;
  for (Row& row : rows) texts.push_back(std::move(row.ids));
  return texts;
}

uint64_t row_seed(uint64_t seed, size_t row) {
  // The others' are from the end of the sequence, which row 0 will not reach.
  return row == 0 ? seed : number(seed, ~static_cast<uint64_t>(row));
}

}  // namespace vitro::models
