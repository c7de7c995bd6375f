// Tests that `vitro train` with its defaults learns the bundled stories well, in about a minute.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using nlohmann::json;

namespace {

using Ids = std::vector<int64_t>;

// How often each token follows each context of `length` tokens.
using Followers = std::map<Ids, std::map<int64_t, double>>;
Followers count_followers(const Ids& ids, size_t length) {
  Followers counts;
  for (auto at = ids.begin() + static_cast<int64_t>(length); at != ids.end(); ++at)
    ++counts[Ids(at - static_cast<int64_t>(length), at)][*at];
  return counts;
}

// A character n-gram with absolute discounting.  n(h, c) counts token c after context h; h' is h
// without its first token; below the empty context, P is 1 / V.
//   back-off:      P(c | h) = (n(h, c) - D) / n(h) if c was seen after h, else a P(c | h')
//   interpolated:  P(c | h) = (n(h, c) - D)+ / n(h) + D types(h) / n(h) P(c | h')
// Source: Chen and Goodman, An Empirical Study of Smoothing Techniques, 1998, sections 2.5 and 2.7.
class NGram {
 public:
  NGram(const Ids& training, int64_t vocab_size, bool is_interpolated)
      : vocab_size_(static_cast<double>(vocab_size)), is_interpolated_(is_interpolated) {
    for (size_t length = 0; length < kOrder; ++length)
      followers_.push_back(count_followers(training, length));
  }

  // The mean of -ln P over the tokens from `first` on.
  double loss(const Ids& ids, size_t first, const std::array<double, 3>& discounts) const {
    double sum = 0;
    for (size_t i = first; i < ids.size(); ++i)
      sum -= std::log(probability(ids, i, std::min(i, kOrder - 1), discounts));
    return sum / static_cast<double>(ids.size() - first);
  }

  static constexpr size_t kOrder = 3;

 private:
  double probability(const Ids& ids, size_t at, size_t length,
                     const std::array<double, 3>& discounts) const {
    const auto end = ids.begin() + static_cast<int64_t>(at);
    const auto found = followers_[length].find(Ids(end - static_cast<int64_t>(length), end));
    const auto shorter = [&](int64_t token) {
      if (length == 0) return 1 / vocab_size_;
      if (token == ids[at]) return probability(ids, at, length - 1, discounts);
      Ids other(ids.begin(), end);
      other.push_back(token);
      return probability(other, at, length - 1, discounts);
    };
    if (found == followers_[length].end()) return shorter(ids[at]);
    double all = 0;
    for (const auto& [token, n] : found->second) all += n;
    const double discount = discounts[length],
                 left = discount * static_cast<double>(found->second.size()) / all;
    const auto seen = found->second.find(ids[at]);
    const double own =
        seen == found->second.end() ? 0 : std::max(0.0, seen->second - discount) / all;
    if (is_interpolated_) return own + left * shorter(ids[at]);
    if (seen != found->second.end()) return own;
    double unseen = 1;
    for (const auto& [token, n] : found->second) unseen -= shorter(token);
    return unseen > 1e-12 ? left * shorter(ids[at]) / unseen : shorter(ids[at]);
  }

  double vocab_size_;
  bool is_interpolated_;
  std::vector<Followers> followers_;
};

// The lowest loss for any discounts.  Two rounds search the discount of each order in turn.
double best_loss(const NGram& model, const Ids& ids, size_t first) {
  std::array<double, 3> discounts = {0.5, 0.5, 0.5};
  double least = HUGE_VAL;
  for (int round = 0; round < 2; ++round)
    for (double& discount : discounts) {
      double best = discount;
      for (double d : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}) {
        discount = d;
        if (const double loss = model.loss(ids, first, discounts); loss < least)
          least = loss, best = d;
      }
      discount = best;
    }
  return least;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (char c : text) {
    const bool is_letter = std::isalpha(static_cast<unsigned char>(c)) || (c & 0x80) || c == '\'';
    if (is_letter) words.back() += c;
    else if (!words.back().empty()) words.emplace_back();
  }
  words.pop_back();  // the last word may be cut
  return words;
}

// All sequences of `length` successive words, each joined into one text.
std::vector<std::string> windows(const std::vector<std::string>& words, size_t length) {
  std::vector<std::string> all;
  for (size_t i = 0; i + length <= words.size(); ++i) {
    std::string window;
    for (size_t j = i; j < i + length; ++j) window += words[j] + ' ';
    all.push_back(window);
  }
  return all;
}

double part_in(const std::vector<std::string>& items, const std::vector<std::string>& known) {
  const std::set<std::string> set(known.begin(), known.end());
  const auto found =
      std::ranges::count_if(items, [&](const std::string& item) { return set.contains(item); });
  return static_cast<double>(found) / static_cast<double>(items.size());
}

}  // namespace

TEST_CASE("trained: better than the best n-gram of order 3, and it writes words", "[slow]") {
  TemporaryDirectory directory;
  const std::string out = directory / "out",
                    text = read_file(source_path("examples/data/stories.txt"));
  output_of({"train", "--out-dir", out, "--sample-tokens", "0"});

  const Ids ids = text::CharTokenizer::fit(text).encode(text);
  const size_t training = ids.size() - ids.size() / 10;
  const Ids learnt(ids.begin(), ids.begin() + static_cast<int64_t>(training));
  const int64_t vocab_size = 1 + *std::ranges::max_element(ids);
  const double interpolated = best_loss(NGram(learnt, vocab_size, true), ids, training + 1),
               back_off = best_loss(NGram(learnt, vocab_size, false), ids, training + 1),
               loss = json::parse(output_of({"eval", "--model", out, "--json"}))["loss"];
  CAPTURE(interpolated, back_off, loss);
  CHECK(loss < std::min(interpolated, back_off));

  const std::vector<std::string> known = words_of(text);
  for (int seed : {1, 2, 3}) {
    const json run = json::parse(
        output_of({"generate", "--model", out, "--prompt", "The", "--temperature", "0.8",
                   "--max-new-tokens", "1600", "--seed", std::to_string(seed), "--json"}));
    const std::vector<std::string> words = words_of(run["text"]);
    CAPTURE(seed, run["text"]);
    REQUIRE(words.size() >= 200);
    CHECK(part_in(words, known) >= 0.85);
    CHECK(part_in(windows(words, 8), windows(known, 8)) <= 0.2);
  }
}
