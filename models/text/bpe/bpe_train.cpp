// Learns merges: repeatedly, the most frequent pair of neighbours becomes a token.
//
// Each different piece is stored once, with the number of times that it occurs.  A merge changes
// counts only where its pair occurs, so each pair has a list of its places.  A heap orders the
// candidates.  A candidate with an outdated count is put back with its present count.
#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "framework/base/error.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_special.h"
#include "models/text/bpe/bpe_split.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::text {

namespace {

using Counts = std::unordered_map<std::string_view, int64_t>;

Counts count_pieces(TextPieces pieces, const std::vector<std::string>& special_tokens) {
  std::vector<SoughtToken> special;
  for (const std::string& token : special_tokens) special.push_back({.text = token});
  Counts counts;
  // The text is cut at special tokens first, because a piece may end inside a special token.
  SpecialPieces parts(pieces.text(), special);
  for (SpecialPieces::Piece part; parts.next(part);) {
    if (part.special >= 0) continue;
    BpePieces words(part.text);
    for (std::string_view word; words.next(word);) ++counts[word];
  }
  return counts;
}

class Learner {
 public:
  Learner(const Counts& counts, int64_t min_count);
  // Makes the most frequent pair a token.  It skips pairs if their text is a token already.
  // Returns false if no pair occurs min_count times.
  bool learn();
  BpeVocabulary& vocabulary() { return vocabulary_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  using Pair = std::pair<int32_t, int32_t>;
  struct Hash {
    size_t operator()(const Pair& pair) const {
      const uint64_t both =
          uint64_t{static_cast<uint32_t>(pair.first)} << 32 | static_cast<uint32_t>(pair.second);
      return (both ^ both >> 29) * 0x9E3779B97F4A7C15 >> 16;
    }
  };
  struct Occurrences {
    int64_t count = 0;
    std::vector<uint32_t> places = {};  // of the left symbol; some may be outdated
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {  // the heap has the largest on top
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct Symbol {
    int32_t id;
    uint32_t piece, previous, next;
  };

  void add(uint32_t place);       // counts the pair that begins at `place`
  void subtract(uint32_t place);  // removes this pair from its count
  void merge(const BpeMerge& merge, std::vector<uint32_t> places);

  int64_t min_count_;
  BpeVocabulary vocabulary_;
  std::unordered_set<std::string> tokens_;
  std::vector<Symbol> symbols_;
  std::vector<int64_t> piece_counts_;
  std::unordered_map<Pair, Occurrences, Hash> pairs_;
  std::priority_queue<Candidate> candidates_;
  std::vector<Pair> grown_;  // pairs that the current merge made more frequent
};

Learner::Learner(const Counts& counts, int64_t min_count) : min_count_(min_count) {
  for (const uint8_t byte : bytes_by_character()) {
    vocabulary_.tokens.emplace_back(1, static_cast<char>(byte));
    tokens_.insert(vocabulary_.tokens.back());
  }
  const std::array<int32_t, 256> byte_ids = vocabulary_.byte_ids();
  size_t bytes = 0;
  for (const auto& [piece, count] : counts) bytes += piece.size();
  check<ValueError>(bytes < kNone, "train: expected less than 4 GiB of different words, got ",
                    bytes, " bytes");
  symbols_.reserve(bytes);
  for (const auto& [piece, count] : counts) {
    const auto begin = static_cast<uint32_t>(symbols_.size());
    const auto end = begin + static_cast<uint32_t>(piece.size());
    for (uint32_t i = begin; i < end; ++i)
      symbols_.push_back({byte_ids[static_cast<uint8_t>(piece[i - begin])],
                          static_cast<uint32_t>(piece_counts_.size()), i == begin ? kNone : i - 1,
                          i + 1 == end ? kNone : i + 1});
    piece_counts_.push_back(count);
  }
  for (uint32_t i = 0; i < symbols_.size(); ++i) add(i);
  for (const auto& [pair, occurrences] : pairs_) candidates_.push({occurrences.count, pair});
  grown_.clear();
}

void Learner::add(uint32_t place) {
  const Symbol& symbol = symbols_[place];
  if (symbol.next == kNone) return;
  const Pair pair = {symbol.id, symbols_[symbol.next].id};
  Occurrences& occurrences = pairs_[pair];
  occurrences.count += piece_counts_[symbol.piece];
  occurrences.places.push_back(place);
  grown_.push_back(pair);
}

void Learner::subtract(uint32_t place) {
  const Symbol& symbol = symbols_[place];
  if (symbol.next == kNone) return;
  pairs_[{symbol.id, symbols_[symbol.next].id}].count -= piece_counts_[symbol.piece];
}

bool Learner::learn() {
  while (!candidates_.empty()) {
    const auto [count, pair] = candidates_.top();
    candidates_.pop();
    const auto found = pairs_.find(pair);
    if (found == pairs_.end() || found->second.count < min_count_) continue;
    if (found->second.count != count) {
      candidates_.push({found->second.count, pair});
      continue;
    }
    std::string joined = vocabulary_.tokens[static_cast<size_t>(pair.first)] +
                         vocabulary_.tokens[static_cast<size_t>(pair.second)];
    if (!tokens_.insert(joined).second) continue;
    vocabulary_.merges.push_back(
        {pair.first, pair.second, static_cast<int32_t>(vocabulary_.size())});
    vocabulary_.tokens.push_back(std::move(joined));
    merge(vocabulary_.merges.back(), std::move(found->second.places));
    pairs_.erase(pair);
    return true;
  }
  return false;
}

// Places are visited from left to right: pairs of equal symbols may overlap, and the left pair is
// merged.
void Learner::merge(const BpeMerge& merge, std::vector<uint32_t> places) {
  std::sort(places.begin(), places.end());
  for (const uint32_t place : places) {
    Symbol& left = symbols_[place];
    if (left.id != merge.left || left.next == kNone || symbols_[left.next].id != merge.right)
      continue;
    Symbol& right = symbols_[left.next];
    if (left.previous != kNone) subtract(left.previous);
    subtract(place);
    subtract(left.next);
    left.id = merge.result;
    left.next = right.next;
    if (left.next != kNone) symbols_[left.next].previous = place;
    right.id = -1;
    if (left.previous != kNone) add(left.previous);
    add(place);
  }
  std::sort(grown_.begin(), grown_.end());
  grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
  for (const Pair& pair : grown_) candidates_.push({pairs_[pair].count, pair});
  grown_.clear();
}

void check_train(TextPieces pieces, int64_t vocab_size, const BpeTrainOptions& options) {
  const std::vector<std::string>& special = options.special_tokens;
  const auto least = static_cast<int64_t>(256 + special.size());
  check<ValueError>(!pieces.text().empty(), "train: expected a text, got an empty one");
  check<ValueError>(options.min_count >= 1, "train: expected a min_count of at least 1, got ",
                    options.min_count);
  check<ValueError>(vocab_size >= least && vocab_size < INT32_MAX,
                    "train: expected a vocab_size of at least ", least, ", for 256 bytes and ",
                    special.size(), " special tokens, got ", vocab_size);
  for (size_t i = 0; i < special.size(); ++i) {
    const std::string& token = special[i];
    check<ValueError>(
        token.size() > 1 &&
            std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; }),
        "train: expected special tokens of two or more visible ASCII characters, got '", token,
        "'");
    check<ValueError>(std::count(special.begin(), special.end(), token) == 1,
                      "train: expected each special token once, got ", token, " twice");
  }
}

}  // namespace

BpeTokenizer BpeTokenizer::train(TextPieces pieces, int64_t vocab_size,
                                 const BpeTrainOptions& options) {
  check_train(pieces, vocab_size, options);
  Learner learner(count_pieces(pieces, options.special_tokens), options.min_count);
  BpeVocabulary& vocabulary = learner.vocabulary();
  const auto special = static_cast<int64_t>(options.special_tokens.size());
  while (vocabulary.size() + special < vocab_size && learner.learn())
    if (options.on_progress) options.on_progress(vocabulary.size() + special, vocab_size);
  for (const std::string& token : options.special_tokens) {
    vocabulary.special.push_back(static_cast<int32_t>(vocabulary.size()));
    vocabulary.tokens.push_back(token);
  }
  return BpeTokenizer(std::move(vocabulary));
}

}  // namespace vitro::text
