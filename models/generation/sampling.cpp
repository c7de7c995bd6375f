// Applies the sampling options to logits, and draws tokens.
#include "models/generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro::models {

namespace {

// Returns the logits after the repetition penalty.  If the penalty changes them, they are float64.
Tensor penalized(const Tensor& logits, double penalty, std::span<const int64_t> text) {
  if (penalty == 1 || text.empty()) return logits;
  const Tensor before = logits.to(kFloat64).contiguous(), after = before.clone();
  const double* x = raw<double>(before);
  double* y = raw<double>(after);
  for (int64_t id : text) {
    check<ShapeError>(0 <= id && id < before.numel(),
                      "next_token: expected ids of the text in [0, ", before.numel(), "), got ",
                      id);
    y[id] = x[id] > 0 ? x[id] / penalty : x[id] * penalty;  // counts a repeated id once
  }
  return after;
}

// Drops the logits of ids that only pad the vocabulary.
Tensor limited(const Tensor& logits, int64_t vocab_size) {
  if (vocab_size == 0 || vocab_size >= logits.numel()) return logits;
  return narrow(logits, 0, 0, vocab_size);
}

// Returns the id of the largest score.  argmax returns a NaN if there is one, so checking this one
// score finds any NaN.
int64_t likeliest(const Tensor& scores) {
  const auto id = argmax(scores).item<int64_t>();
  const double highest = scores[id].item();
  check<ValueError>(std::isfinite(highest),
                    "next_token: expected logits below infinity, at least one of them finite, got ",
                    highest, " for token ", id);
  return id;
}

std::span<double> numbers(const Tensor& x) {
  return {raw<double>(x), static_cast<size_t>(x.numel())};
}
// Four sums are added up in parallel, because each addition has to wait for the previous addition
// to the same sum.
double sum_of(std::span<const double> x) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= x.size(); i += 4)
    for (size_t j = 0; j < 4; ++j) sums[j] += x[i + j];
  for (; i < x.size(); ++i) sums[0] += x[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Tokens in the order of their ids.  The values are first scores, then weights (exp of scores).
// Undefined indices mean all ids.
using Candidates = ValuesAndIndices;

// Returns the tokens that have the values `kept`: the largest of all values, the smallest of them
// last.  Among tokens of equal value, the lowest ids are taken.
Candidates only(const Candidates& all, std::span<const double> kept) {
  const double least = kept.back();
  auto equals = std::count(kept.begin(), kept.end(), least);
  const auto n = static_cast<int64_t>(kept.size());
  Candidates some{empty({n}, kFloat64), empty({n}, kInt64)};
  const std::span<double> x = numbers(all.values);
  const int64_t* ids = all.indices.defined() ? raw<int64_t>(all.indices) : nullptr;
  int64_t to = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i] > least || (x[i] == least && --equals >= 0)) {
      raw<double>(some.values)[to] = x[i];
      raw<int64_t>(some.indices)[to++] = ids ? ids[i] : static_cast<int64_t>(i);
    }
  return some;
}

Candidates k_largest(const Candidates& all, int64_t k) {
  const std::span<double> x = numbers(all.values);
  const Tensor room = empty({all.values.numel()}, kFloat64);
  const std::span<double> best = numbers(room).first(static_cast<size_t>(k));
  if (best.size() <= x.size() / 16) {  // uses a heap of k values, which most values never enter
    std::partial_sort_copy(x.begin(), x.end(), best.begin(), best.end(), std::greater<>());
  } else {
    const std::span<double> copies = numbers(room);
    std::copy(x.begin(), x.end(), copies.begin());
    std::nth_element(copies.begin(), copies.begin() + (k - 1), copies.end(), std::greater<>());
  }
  return only(all, best);
}

// Returns the fewest tokens whose weights reach p times the sum of all weights, up to rounding.
Candidates nucleus(const Candidates& all, double p, double sum) {
  const std::span<double> weights = numbers(all.values);
  const Tensor copies = empty({all.values.numel()}, kFloat64);
  double* const begin = raw<double>(copies);
  // All weights below this bound are together less than (1 - p) sum, so none of them is needed.
  const double light = (1 - p) * sum / static_cast<double>(weights.size());
  double *first = begin, *last = std::copy_if(weights.begin(), weights.end(), begin,
                                              [&](double w) { return w >= light; });
  double missing = p * sum * (1 - 1e-12);
  while (last - first > 1) {  // keeps all before `first`, none from `last` on
    double* const middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, std::greater<>());
    const double half = sum_of({first, middle});
    if (half >= missing) last = middle;
    else missing -= half, first = middle;
  }
  return only(all, {begin, first + 1});
}

}  // namespace

ValuesAndIndices token_distribution(const Tensor& logits, const GenerateOptions& options,
                                    std::span<const int64_t> text) {
  check<ShapeError>(logits.rank() == 1 && logits.numel() > 0,
                    "next_token: expected the logits of one position, (V,), got ", logits.shape());
  check_options(options);
  NoGradGuard unrecorded;
  const Tensor scores =
      limited(penalized(logits.detach(), options.repetition_penalty, text), options.vocab_size);
  const int64_t best = likeliest(scores);
  if (options.temperature == 0)  // in the limit, the first of the likeliest tokens is certain
    return {ones({1}, kFloat64), full({1}, static_cast<double>(best), kInt64)};
  const double highest = scores[best].item();
  Candidates all{scores.to(kFloat64).contiguous(), {}};
  if (options.top_k && *options.top_k < scores.numel()) all = k_largest(all, *options.top_k);
  // The highest score is subtracted first, so exp cannot overflow.  Arithmetic treats a denormal
  // temperature as 0, so the smallest normal number replaces it.
  const double factor = 1 / std::max(options.temperature, std::numeric_limits<double>::min());
  const DType dtype = accumulation_dtype(logits.dtype());
  all.values = exp(((all.values - highest) * factor).to(dtype)).to(kFloat64);
  double sum = sum_of(numbers(all.values));
  if (options.top_p && *options.top_p < 1) {
    all = nucleus(all, *options.top_p, sum);
    sum = sum_of(numbers(all.values));
  }
  all.values.mul_(1 / sum);
  if (!all.indices.defined()) all.indices = arange(static_cast<double>(all.values.numel()));
  return all;
}

ValuesAndIndices likeliest_tokens(const Tensor& logits, const GenerateOptions& options,
                                  std::span<const int64_t> text) {
  const auto [p, ids] = token_distribution(logits, options, text);
  const auto [values, order] = topk(p, p.numel());
  return {values, gather(ids, 0, order)};
}

int64_t draw_token(const ValuesAndIndices& distribution, double uniform) {
  const std::span<double> p = numbers(distribution.values);
  double sum = 0;
  size_t last = 0;
  // If rounding keeps the sum below `uniform`, the last token with p > 0 is drawn.
  for (size_t i = 0; i < p.size() && sum <= uniform; ++i)
    if (p[i] > 0) sum += p[i], last = i;
  return raw<int64_t>(distribution.indices)[last];
}

int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator,
                   std::span<const int64_t> text) {
  if (options.do_sample && options.temperature != 0)
    return draw_token(token_distribution(logits, options, text), generator.uniform());
  check<ShapeError>(logits.rank() == 1 && logits.numel() > 0,
                    "next_token: expected the logits of one position, (V,), got ", logits.shape());
  check_options(options);
  NoGradGuard unrecorded;
  return likeliest(
      limited(penalized(logits.detach(), options.repetition_penalty, text), options.vocab_size));
}

}  // namespace vitro::models
