// Words, numbers, punctuation and line ends as tokens.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../text_pieces.h"
#include "../tokenizer.h"
#include "vocabulary.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

struct WordTokenizerOptions {
  int64_t min_count = 1;      // rarer words become the unknown token
  std::string unk = "<unk>";  // id 0; empty: an unknown word is an error
  bool nfc = true;            // bring text to NFC, in fit and in encode
};

// A token is, in the order tried:
//   a word    letters with their marks, \p{L}\p{M}*, and apostrophes (' or U+2019) between letters
//   a number  \p{N}+
//   a line end
//   one other character that is not white space (punctuation, a symbol, a mark without a letter)
// White space between tokens is not kept.
class WordTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "word";

  // The tokens that occur min_count times, ids by falling count, then by bytes.  ValueError for a
  // text without any, for min_count < 1 or > 1 without an unknown token, and for invalid UTF-8.
  static WordTokenizer fit(std::string_view text, const WordTokenizerOptions& options = {}) {
    return fit(TextPieces(text), options);
  }
  static WordTokenizer fit(TextPieces pieces, const WordTokenizerOptions& options = {});
  static WordTokenizer load(const std::string& path);

  // ValueError unless every token (the unknown one excepted) is one by the rule above, given once.
  explicit WordTokenizer(Vocabulary vocabulary);

  // An unknown word is the unknown token or, where there is none, a ValueError that names it and
  // its position: characters of the NFC text, from 0.
  std::vector<TokenId> encode(std::string_view text) const override;

  // Puts one space between two tokens, except
  //   before  . , ! ? ; : % ' and closing brackets and quotes, ideographic stops among them
  //   after   opening brackets and quotes, # $ @ and inverted ! ?
  //   around  line ends, / _ the hyphen (one that begins a line excepted) and U+2014
  // Straight double quotes open and close in turn within a line; emoji stay in their sequences.
  // encode(decode(ids)) == ids for any ids but the unknown token's.
  std::string decode(std::span<const TokenId> ids) const override;

  int64_t vocab_size() const override { return vocabulary_.size(); }
  std::string token(TokenId id) const override { return vocabulary_.token(id, "token"); }
  std::string_view kind() const override { return kKind; }
  std::string to_json() const override { return vocabulary_json(vocabulary_); }
  uint64_t vocabulary_hash() const override { return vocabulary_.hash(); }
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Vocabulary vocabulary_;
  std::unordered_map<std::string, TokenId, Hash, std::equal_to<>> id_of_;
};

}  // namespace text
}  // namespace vitro
