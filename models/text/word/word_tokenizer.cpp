// Splits text into words, counts them, and joins them again.
#include "models/text/word/word_tokenizer.h"

#include <algorithm>
#include <utility>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"
#include "models/text/word/spacing.h"

namespace vitro::text {
namespace {

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

// Returns the class of the character at `offset` and stores its end in `end`.  At the end of the
// text the class is kSpace.
CharClass class_at(std::string_view text, size_t offset, size_t& end, std::string_view op) {
  end = offset;
  return offset < text.size() ? char_class(next_code_point(text, end, op)) : CharClass::kSpace;
}

// Returns the end of the word whose first letter ends at `offset`.
size_t end_of_word(std::string_view text, size_t offset, std::string_view op) {
  while (offset < text.size()) {
    size_t end = offset;
    const char32_t c = next_code_point(text, end, op);
    if (is_apostrophe(c)) {
      if (class_at(text, end, end, op) != CharClass::kLetter) return offset;
    } else if (const CharClass kind = char_class(c);
               kind != CharClass::kLetter && kind != CharClass::kMark) {
      return offset;
    }
    offset = end;
  }
  return offset;
}

size_t end_of_number(std::string_view text, size_t offset, std::string_view op) {
  for (size_t end; class_at(text, offset, end, op) == CharClass::kNumber;) offset = end;
  return offset;
}

// Returns the first token at or after `offset`, and moves `offset` past it.  The token is empty if
// there is no more token.
std::string_view next_token(std::string_view text, size_t& offset, std::string_view op) {
  while (offset < text.size()) {
    const size_t begin = offset;
    const CharClass kind = class_at(text, begin, offset, op);
    if (kind == CharClass::kSpace && text[begin] != '\n') continue;
    if (kind == CharClass::kLetter) offset = end_of_word(text, offset, op);
    if (kind == CharClass::kNumber) offset = end_of_number(text, offset, op);
    return text.substr(begin, offset - begin);
  }
  return {};
}

}  // namespace

WordTokenizer WordTokenizer::fit(TextPieces pieces, const WordTokenizerOptions& options) {
  check<ValueError>(options.min_count >= 1, "fit: expected min_count of at least 1, got ",
                    options.min_count);
  check<ValueError>(options.min_count == 1 || !options.unk.empty(),
                    "fit: expected an unknown token for min_count ", options.min_count,
                    ", got none");
  check_utf8(pieces.text(), "text");
  std::unordered_map<std::string, int64_t> counts;
  for (std::string_view piece; pieces.next(piece);) {
    const std::string normal = options.nfc ? to_nfc(piece, "text") : std::string(piece);
    size_t offset = 0;
    for (std::string_view token; !(token = next_token(normal, offset, "text")).empty();)
      if (token != options.unk) ++counts[std::string(token)];
  }
  std::vector<std::pair<int64_t, std::string_view>>
      kept;  // (-count, token): sorts by falling count
  for (const auto& [token, count] : counts) {
    if (count >= options.min_count) kept.emplace_back(-count, token);
  }
  check<ValueError>(!kept.empty(), "text: expected a word that occurs ", options.min_count,
                    " times or more, got none");
  std::sort(kept.begin(), kept.end());
  Vocabulary vocabulary{
      .type = std::string(kKind), .nfc = options.nfc, .unk = options.unk, .tokens = {}};
  if (!options.unk.empty()) vocabulary.tokens.push_back(options.unk);
  for (const auto& [count, token] : kept) vocabulary.tokens.emplace_back(token);
  return WordTokenizer(std::move(vocabulary));
}

WordTokenizer WordTokenizer::load(const std::string& path) {
  return tokenizer_from_file<WordTokenizer>(read_vocabulary(path), path);
}

WordTokenizer::WordTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  vocabulary_.check_tokens();
  for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    const std::string& token = vocabulary_.tokens[id];
    size_t offset = 0;
    check<ValueError>(
        (id == 0 && !vocabulary_.unk.empty()) || next_token(token, offset, "vocabulary") == token,
        "vocabulary: expected one word, number or other character for token ", id, ", got '", token,
        "'");
    const bool is_first = id_of_.emplace(token, static_cast<TokenId>(id)).second;
    check<ValueError>(is_first, "vocabulary: expected each token once, got token ", id,
                      " equal to token ", id_of_.find(token)->second);
  }
}

std::vector<TokenId> WordTokenizer::encode(std::string_view text) const {
  const std::string normal = vocabulary_.nfc ? to_nfc(text, "text") : std::string(text);
  std::vector<TokenId> ids;
  size_t offset = 0;
  for (std::string_view token; !(token = next_token(normal, offset, "text")).empty();) {
    const auto found = id_of_.find(token);
    if (found == id_of_.end() && vocabulary_.unk.empty()) {
      const std::string_view before = std::string_view(normal).substr(0, offset - token.size());
      fail<ValueError>("text: expected words of the vocabulary, got '",
                       clipped(std::string(token), 60), "' at position ",
                       count_code_points(before, "text"),
                       " (in characters, from 0); make the vocabulary from a text that has it, or "
                       "with an unknown token (--unk)");
    }
    ids.push_back(found == id_of_.end() ? 0 : found->second);
  }
  return ids;
}

std::string WordTokenizer::decode(std::span<const TokenId> ids) const {
  Joiner joiner;
  for (const TokenId id : ids) joiner.append(vocabulary_.token(id, "decode"));
  return joiner.take();
}

}  // namespace vitro::text
