// Text generation.
#include "models/generate.h"

#include <cmath>
#include <limits>

#include "ops/ops.h"

namespace vitro::models {

static void check_options(const GenerateOptions& o) {
  check<ValueError>(o.max_new_tokens >= 0, "generate: max_new_tokens must not be negative: got ",
                    o.max_new_tokens);
  check<ValueError>(std::isfinite(o.temperature) && o.temperature > 0,
                    "generate: temperature must be positive: got ", o.temperature);
  check<ValueError>(!o.top_k || *o.top_k >= 1, "generate: top_k must be at least 1: got ",
                    o.top_k.value_or(1));
  check<ValueError>(o.block_size >= 0, "generate: block_size must not be negative: got ",
                    o.block_size);
}

ValuesAndIndices likeliest_tokens(const Tensor& logits, double temperature,
                                  std::optional<int64_t> top_k) {
  NoGradGuard no_grad;
  const int64_t k = std::min(top_k.value_or(logits.numel()), logits.numel());
  auto [values, ids] = topk(logits.to(kFloat64), k);
  // The largest is subtracted first, so that nothing overflows; arithmetic takes denormals for 0.
  const double divisor = std::max(temperature, std::numeric_limits<double>::min());
  return {softmax((values - values[0]) / divisor, -1), ids};
}

int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator) {
  check<ShapeError>(logits.rank() == 1 && logits.numel() > 0,
                    "next_token: logits of one position, (V,): got ", logits.shape());
  check_options(options);
  NoGradGuard no_grad;
  if (!options.do_sample) return argmax(logits).item<int64_t>();
  auto [probabilities, ids] = likeliest_tokens(logits, options.temperature, options.top_k);
  double rest = generator.uniform();
  const double* p = probabilities.data<double>();
  int64_t chosen = 0;
  while (chosen + 1 < ids.numel() && (rest -= p[chosen]) >= 0) ++chosen;
  return ids[chosen].item<int64_t>();
}

std::vector<int64_t> generate(nn::Module& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t)>& on_token) {
  check_options(options);
  check<ValueError>(!ids.empty(), "generate: the prompt must have at least one token");
  NoGradGuard no_grad;
  Generator own(options.seed.value_or(0));
  Generator& generator = options.seed ? own : default_generator();
  for (int64_t i = 0; i < options.max_new_tokens; ++i) {
    auto window = std::span<const int64_t>(ids);
    if (options.block_size)
      window = window.last(std::min(ids.size(), static_cast<size_t>(options.block_size)));
    Tensor logits = model(from_span(window));
    int64_t id = next_token(logits.select(0, -1), options, generator);
    ids.push_back(id);
    if ((on_token && !on_token(id)) || id == options.eos_token_id) break;
  }
  return ids;
}

std::string generate_text(nn::Module& model, const text::Tokenizer& tokenizer,
                          const std::string& prompt, const GenerateOptions& options,
                          const std::function<bool(int64_t, const std::string&)>& on_token) {
  std::vector<int64_t> ids = tokenizer.encode(prompt);
  check<ValueError>(!ids.empty(), "generate: the prompt must not be empty");
  // A token's text depends on its line so far: spaces between words, quotes in pairs.
  constexpr size_t kLongestLine = 512;
  std::vector<int64_t> line = ids;
  std::string text, before = tokenizer.decode(line);
  generate(model, std::move(ids), options, [&](int64_t id) {
    line.push_back(id);
    std::string whole = tokenizer.decode(line);
    std::string added = whole.substr(std::min(before.size(), whole.size()));
    text += added;
    if (added.ends_with('\n') || line.size() > kLongestLine) {
      line = {id};
      whole = tokenizer.decode(line);
    }
    before = std::move(whole);
    return !on_token || on_token(id, added);
  });
  return text;
}

}  // namespace vitro::models
