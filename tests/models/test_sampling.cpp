// Tests sampling: the distribution after all options, draws from it, and invalid logits.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using namespace vitro::models;
using Catch::Contains;

namespace {

constexpr double kInfinity = HUGE_VAL;
using Ids = std::vector<int64_t>;

// Computes the probabilities from the definitions: sorts all tokens, then cuts.
std::vector<double> by_sorting(std::vector<double> x, const GenerateOptions& o,
                               const std::vector<int64_t>& text = {}) {
  for (int64_t id : std::set(text.begin(), text.end())) {
    double& v = x[static_cast<size_t>(id)];
    v = v > 0 ? v / o.repetition_penalty : v * o.repetition_penalty;
  }
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] > x[b]; });
  if (o.top_k) order.resize(std::min(order.size(), static_cast<size_t>(*o.top_k)));
  std::vector<double> p(x.size(), 0.0);
  double sum = 0, reached = 0;
  for (size_t i : order) sum += std::exp((x[i] - x[order[0]]) / o.temperature);
  for (size_t i : order) {
    if (reached >= o.top_p.value_or(2)) break;
    reached += p[i] = std::exp((x[i] - x[order[0]]) / o.temperature) / sum;
  }
  for (double& v : p) v /= reached;
  return p;
}

Tensor of(const std::vector<double>& values) { return from_span(std::span(values)); }
// (V); 0 for an excluded token
Tensor token_probabilities(const Tensor& logits, const GenerateOptions& options,
                           const Ids& text = {}) {
  const auto [p, ids] = token_distribution(logits, options, text);
  CHECK(ids.numel() > 0);
  for (int64_t i = 1; i < ids.numel(); ++i)
    if (ids.data<int64_t>()[i] <= ids.data<int64_t>()[i - 1]) FAIL("ids ascend");
  return scatter_add(zeros(logits.shape(), kFloat64), 0, ids, p);
}
Tensor probabilities(const std::vector<double>& p, const GenerateOptions& options) {
  return token_probabilities(log(of(p)), options);
}
std::vector<int64_t> kept(const std::vector<double>& p, const GenerateOptions& options) {
  std::vector<int64_t> ids;
  const std::vector<double> after = values(probabilities(p, options));
  for (size_t i = 0; i < p.size(); ++i)
    if (after[i] > 0) ids.push_back(static_cast<int64_t>(i));
  return ids;
}
}  // namespace

TEST_CASE("sampling: the distribution equals the distribution by sorting") {
  manual_seed(4);
  const std::vector<GenerateOptions> all = {
      {},
      {.temperature = 0.3},
      {.top_k = 1},
      {.top_k = 5},
      {.top_k = 40},
      {.top_k = 1'000'000'000'000},
      {.top_p = 0.9},
      {.top_p = 1e-9},
      {.top_p = 0.9999},
      {.top_p = 1},
      {.temperature = 1.7, .top_k = 30, .top_p = 0.8, .repetition_penalty = 1.3},
      {.temperature = 0.9, .top_k = 4, .top_p = 0.5, .repetition_penalty = 0.5},
  };
  const Ids text = {1, 0, 7, 1, 1, 3};
  for (int64_t n : {8, 50, 700})
    for (double spread : {0.01, 1.0, 8.0})
      for (const GenerateOptions& o : all) {
        INFO(n << " " << spread << " " << o.temperature << " " << o.top_k.value_or(0) << " "
               << o.top_p.value_or(0));
        const Tensor logits = randn({n}, kFloat64) * spread;
        const Tensor p = token_probabilities(logits, o, text);
        CHECK(max_difference(p, of(by_sorting(values(logits), o, text))) < 1e-14);
        for (DType dtype : {kFloat32, kBFloat16}) {
          const Tensor rounded = logits.to(dtype);
          CHECK(max_difference(token_probabilities(rounded, o, text),
                               of(by_sorting(values(rounded), o, text))) < 1e-6);
        }
        auto [likeliest, ids] = likeliest_tokens(logits, o, text);
        CHECK(max_difference(gather(p, 0, ids), likeliest) == 0);
        CHECK(likeliest[0].item() == max(p).item());
        CHECK(likeliest.numel() == token_distribution(logits, o, text).values.numel());
      }
}

TEST_CASE("sampling: a vocabulary as large as GPT-2's") {
  manual_seed(5);
  for (double spread : {0.05, 3.0}) {
    const Tensor logits = randn({50257}, kFloat64) * spread;
    for (const GenerateOptions& o :
         {GenerateOptions{.top_k = 50}, {.top_k = 20000}, {.top_p = 0.9}, {.top_p = 0.2}}) {
      INFO(spread << " " << o.top_k.value_or(0) << " " << o.top_p.value_or(0));
      CHECK(max_difference(token_probabilities(logits, o), of(by_sorting(values(logits), o))) <
            1e-14);
    }
  }
}

TEST_CASE("sampling: top_p keeps the fewest tokens that reach p, and the first of equal tokens") {
  const std::vector<double> halves = {0.125, 0.5, 0.125, 0.25};
  CHECK(kept(halves, {.top_p = 0.5}) == Ids{1});
  CHECK(kept(halves, {.top_p = 0.51}) == Ids{1, 3});
  CHECK(kept(halves, {.top_p = 0.75}) == Ids{1, 3});
  CHECK(kept(halves, {.top_p = 0.76}) == Ids{0, 1, 3});
  CHECK(kept(halves, {.top_p = 0.9}) == Ids{0, 1, 2, 3});
  CHECK(kept(halves, {.top_p = 1}) == Ids{0, 1, 2, 3});
  CHECK(kept(halves, {.top_p = 5e-324}) == Ids{1});
  CHECK(kept(halves, {.top_k = 3}) == Ids{0, 1, 3});
  CHECK(kept(halves, {.top_k = 3, .top_p = 0.8}) == Ids{1, 3});  // 4/7 and 2/7 reach 0.8
  const std::vector<double> tenths(10, 0.1);
  for (int64_t n = 1; n <= 10; ++n) {
    Ids first(static_cast<size_t>(n));
    std::iota(first.begin(), first.end(), 0);
    CHECK(kept(tenths, {.top_p = 0.1 * static_cast<double>(n)}) == first);
    CHECK(kept(tenths, {.top_k = n}) == first);
  }
  CHECK(max_difference(probabilities(halves, {.top_k = 2}), of({0., 2. / 3, 0., 1. / 3})) < 1e-15);
}

TEST_CASE("sampling: a draw is the first token where the sum of probabilities exceeds `uniform`") {
  const Tensor p = of({0.0, 0.25, 0.0, 0.5, 0.25, 0.0});
  const std::vector<std::pair<double, int64_t>> expected = {
      {0, 1}, {0.2499, 1}, {0.25, 3}, {0.5, 3}, {0.7499, 3}, {0.75, 4}, {1, 4}};
  for (auto [uniform, id] : expected) CHECK(draw_token({p, arange(6) + 10}, uniform) == id + 10);
  CHECK(draw_token({of({0.3, 0.3}), arange(2)}, 0.9) == 1);  // rounding may leave such a sum

  const Tensor logits = of({0.5, -1.0, 2.0, 0.0, 1.5});
  const GenerateOptions options{.temperature = 1.5, .top_k = 4, .do_sample = true};
  const std::vector<double> weights = by_sorting(values(logits), options);
  Generator generator(9), uniforms(9);
  for (int i = 0; i < 200; ++i) {
    double uniform = uniforms.uniform();
    int64_t id = 0;
    while ((uniform -= weights[static_cast<size_t>(id)]) >= 0) ++id;
    CHECK(next_token(logits, options, generator) == id);
  }
}

TEST_CASE("sampling: the repetition penalty makes tokens of the text rarer, also for greedy") {
  const Tensor logits = of({2.0, 1.5, -1.0, -1.2, 0.0});
  Generator generator(0);
  auto greedy = [&](double penalty, const Ids& text) {
    return next_token(logits, {.repetition_penalty = penalty}, generator, text);
  };
  CHECK(greedy(2, {}) == 0);
  CHECK(greedy(1, {0}) == 0);
  CHECK(greedy(1.3, {0}) == 0);
  CHECK(greedy(1.4, {0}) == 1);
  CHECK(greedy(1.4, {0, 0, 1}) == 0);
  CHECK(greedy(0.7, {0, 1, 1}) == 0);
  CHECK(greedy(0.7, {1, 2, 3}) == 1);
  const Tensor p = token_probabilities(logits, {.repetition_penalty = 4}, Ids{0, 2, 2});
  CHECK(max_difference(p, softmax(of({0.5, 1.5, -4.0, -1.2, 0.0}), 0)) < 1e-15);
  CHECK(max_difference(logits, of({2.0, 1.5, -1.0, -1.2, 0.0})) == 0);
  for (int64_t id : {-1, 5})
    CHECK_THAT(message_of<ShapeError>([&] { greedy(2, {id}); }),
               Contains("[0, 5)") && Contains(std::to_string(id)));
}

TEST_CASE("sampling: NaN and infinite logits are an error") {
  Generator generator(0);
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (const GenerateOptions& o : {GenerateOptions{},
                                     {.do_sample = true},
                                     {.top_k = 1, .do_sample = true},
                                     {.repetition_penalty = 2},
                                     {.top_p = 0.5, .do_sample = true}}) {
      auto message = [&](const Tensor& logits) {
        return message_of<ValueError>([&] {
          next_token(logits.to(dtype), o, generator, Ids{0, 1});
        });
      };
      CHECK_THAT(message(of({0.0, 1.0, kNaN})), Contains("nan for token 2"));
      CHECK_THAT(message(of({kNaN, 1.0, 2.0})), Contains("nan for token 0"));
      CHECK_THAT(message(of({0.0, kInfinity, 2.0})), Contains("inf for token 1"));
      CHECK_THAT(message(of({-kInfinity, -kInfinity})), Contains("-inf"));
      CHECK(next_token(of({-kInfinity, 0.0, -kInfinity}).to(dtype), o, generator) == 1);
    }
}

TEST_CASE("sampling: extreme numbers neither overflow nor vanish") {
  const Tensor logits = of({1e308, -1e308, 1e308});
  for (double temperature : {5e-324, 1e-300, 1.0})
    CHECK(values(token_probabilities(logits, {.temperature = temperature})) ==
          std::vector<double>{0.5, 0, 0.5});
  const Tensor flat = token_probabilities(of({3.0, -2.0, -kInfinity, 0.0}), {.temperature = 1e300});
  CHECK(max_difference(flat, of({1. / 3, 1. / 3, 0., 1. / 3})) < 1e-15);
}

TEST_CASE("sampling: ids that pad the vocabulary are never chosen") {
  const Tensor logits = of({0, 1, 2, 9, 8});
  Generator generator(1);
  CHECK(next_token(logits, {.vocab_size = 3}, generator) == 2);
  CHECK(next_token(logits, {.vocab_size = 9}, generator) == 3);
  const auto [p, ids] = token_distribution(logits, {.top_k = 2, .vocab_size = 3}, Ids{4});
  CHECK(values(ids) == std::vector<double>{1, 2});
  CHECK(values(p)[1] == Approx(1 / (1 + std::exp(-1.0))));
  CHECK_THROWS_WITH(next_token(logits, {.vocab_size = -1}, generator),
                    Contains("expected vocab_size >= 0, got -1"));
}

TEST_CASE("sampling: a temperature of 0 gives the first of the likeliest tokens") {
  Generator generator(1);
  const struct {
    Tensor logits;
    GenerateOptions options;
    int64_t best;
  } table[] = {{of({0, 3, 1}), {}, 1},
               {of({2, 3, 3}), {.top_k = 1, .top_p = 0.1}, 1},
               {of({-kInfinity, -5, -7}), {.repetition_penalty = 2}, 2},
               {of({0, 1, 2, 9}), {.vocab_size = 3}, 2}};
  for (const auto& [logits, given, best] : table)
    for (const DType dtype : {kFloat64, kFloat32, kBFloat16})
      for (const bool samples : {false, true}) {
        GenerateOptions o = given;
        o.temperature = 0, o.do_sample = samples;
        CHECK(next_token(logits.to(dtype), o, generator, Ids{1}) == best);
        const auto [p, ids] = token_distribution(logits.to(dtype), o, Ids{1});
        CHECK(values(p) == std::vector<double>{1});
        CHECK(values(ids) == std::vector<double>{static_cast<double>(best)});
      }
}
