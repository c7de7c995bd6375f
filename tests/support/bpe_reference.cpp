// A slow and simple byte pair encoding, with which tests compare vitro's.
#include "tests/support/bpe_reference.h"

#include <algorithm>
#include <map>

#include "models/text/bpe/bpe_bytes.h"
#include "models/text/unicode/utf8.h"

namespace vitro::testing {

using text::BpeVocabulary;
using text::CharClass;

namespace {

enum class Kind { kLetter, kNumber, kSpace, kOther };

Kind kind_of(char32_t c) {
  switch (text::char_class(c)) {
    case CharClass::kLetter: return Kind::kLetter;
    case CharClass::kNumber: return Kind::kNumber;
    case CharClass::kSpace: return Kind::kSpace;
    default: return Kind::kOther;
  }
}

// The end of the first match of GPT-2's pattern from `begin` on:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t end_of_piece(const std::u32string& text, size_t begin) {
  for (const std::u32string ending : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"})
    if (text.compare(begin, ending.size(), ending) == 0) return begin + ending.size();
  const auto end_of_run = [&](size_t from) {
    size_t end = from;
    while (end < text.size() && kind_of(text[end]) == kind_of(text[from])) ++end;
    return end;
  };
  const bool has_space =
      text[begin] == ' ' && begin + 1 < text.size() && kind_of(text[begin + 1]) != Kind::kSpace;
  const size_t end = end_of_run(begin + has_space);
  if (has_space || kind_of(text[begin]) != Kind::kSpace) return end;
  return end == text.size() || end == begin + 1 ? end : end - 1;
}

}  // namespace

std::vector<std::string> reference_split(std::string_view bytes) {
  std::vector<std::string> pieces;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t valid = text::end_of_valid_utf8(bytes, offset);
    const std::u32string text = text::decode_utf8(bytes.substr(offset, valid - offset));
    for (size_t i = 0; i < text.size();) {
      const size_t end = end_of_piece(text, i);
      pieces.push_back(text::encode_utf8(text.substr(i, end - i)));
      i = end;
    }
    offset = text::end_of_invalid_utf8(bytes, valid);
    if (offset > valid) pieces.emplace_back(bytes.substr(valid, offset - valid));
  }
  return pieces;
}

namespace {

using Ranks = std::map<std::pair<int64_t, int64_t>, size_t>;

Ranks ranks_of(const BpeVocabulary& vocabulary) {
  Ranks ranks;
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank)
    ranks[{vocabulary.merges[rank].left, vocabulary.merges[rank].right}] = rank;
  return ranks;
}

std::vector<text::TokenId> merge(const BpeVocabulary& vocabulary, const Ranks& ranks,
                                 std::string_view piece) {
  std::vector<text::TokenId> ids;
  for (const char byte : piece)
    ids.push_back(
        std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), std::string(1, byte)) -
        vocabulary.tokens.begin());
  while (true) {
    size_t best = vocabulary.merges.size();
    for (size_t i = 0; i + 1 < ids.size(); ++i)
      if (const auto found = ranks.find({ids[i], ids[i + 1]}); found != ranks.end())
        best = std::min(best, found->second);
    if (best == vocabulary.merges.size()) return ids;
    const auto [left, right, result] = vocabulary.merges[best];
    std::vector<text::TokenId> merged;
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool fits = i + 1 < ids.size() && ids[i] == left && ids[i + 1] == right;
      merged.push_back(fits ? result : ids[i]);
      i += fits;
    }
    ids = std::move(merged);
  }
}

}  // namespace

std::vector<text::TokenId> reference_merge(const BpeVocabulary& vocabulary,
                                           std::string_view piece) {
  return merge(vocabulary, ranks_of(vocabulary), piece);
}

std::vector<text::TokenId> reference_encode(const BpeVocabulary& vocabulary,
                                            std::string_view text) {
  const Ranks ranks = ranks_of(vocabulary);
  std::vector<text::TokenId> ids;
  for (const std::string& piece : reference_split(text))
    for (const text::TokenId id : merge(vocabulary, ranks, piece)) ids.push_back(id);
  return ids;
}

BpeVocabulary reference_train(std::string_view text, int64_t size) {
  BpeVocabulary vocabulary;
  for (const uint8_t byte : text::bytes_by_character())
    vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  const std::vector<std::string> pieces = reference_split(text);
  while (vocabulary.size() < size - 1) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    std::map<std::string, int64_t> piece_counts;
    for (const std::string& piece : pieces) ++piece_counts[piece];
    const Ranks ranks = ranks_of(vocabulary);
    for (const auto& [piece, count] : piece_counts) {
      const auto ids = merge(vocabulary, ranks, piece);
      for (size_t i = 0; i + 1 < ids.size(); ++i)
        counts[{static_cast<int32_t>(ids[i]), static_cast<int32_t>(ids[i + 1])}] += count;
    }
    // If counts are equal, the lowest pair wins, because the map is in ascending order.
    std::pair<int32_t, int32_t> best;
    int64_t most = 1;
    std::string best_token;
    for (const auto& [pair, count] : counts) {
      const std::string joined = vocabulary.tokens[static_cast<size_t>(pair.first)] +
                                 vocabulary.tokens[static_cast<size_t>(pair.second)];
      const auto& tokens = vocabulary.tokens;
      if (count <= most || std::find(tokens.begin(), tokens.end(), joined) != tokens.end())
        continue;
      most = count, best = pair, best_token = joined;
    }
    if (most == 1) break;
    vocabulary.merges.push_back({best.first, best.second, static_cast<int32_t>(vocabulary.size())});
    vocabulary.tokens.push_back(best_token);
  }
  vocabulary.special.push_back(static_cast<int32_t>(vocabulary.size()));
  vocabulary.tokens.emplace_back("<|endoftext|>");
  return vocabulary;
}

}  // namespace vitro::testing
