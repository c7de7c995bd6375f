// The word tokenizer: its tokens are words, numbers, punctuation and line ends.
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

// Options of WordTokenizer::fit.
struct WordTokenizerOptions {
  int64_t min_count = 1;      // words that occur less often become the unknown token
  std::string unk = "<unk>";  // the unknown token, id 0; if empty, an unknown word is an error
  bool nfc = true;            // whether fit and encode bring text to NFC
};

// A token is the first of these that fits:
//   - a word: letters with marks, `\p{L}\p{M}*`, and apostrophes (' or U+2019) between letters
//   - a number: `\p{N}+`
//   - a line end
//   - one other character that is not white space: punctuation, a symbol, a mark without a letter
//
// White space between tokens is dropped.
class WordTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "word";  // kind() of these tokenizers

  // Makes a tokenizer of the tokens that occur at least min_count times.  Their ids are in the
  // order of falling counts, then of bytes.  ValueError if there are no such tokens, for min_count
  // < 1, for min_count > 1 without an unknown token, and for invalid UTF-8.
  static WordTokenizer fit(std::string_view text, const WordTokenizerOptions& options = {}) {
    return fit(TextPieces(text), options);
  }
  static WordTokenizer fit(TextPieces pieces, const WordTokenizerOptions& options = {});
  // Loads a file that save() wrote.  IoError with path and reason.
  static WordTokenizer load(const std::string& path);

  // ValueError unless all tokens, except the unknown token, are different, and each is a single
  // token by the rule above.
  explicit WordTokenizer(Vocabulary vocabulary);

  // An unknown word becomes the unknown token.  Without an unknown token, a ValueError names the
  // word and its position: the number of characters before it in NFC.
  std::vector<TokenId> encode(std::string_view text) const override;

  // Puts one space between two tokens, except
  //   before  . , ! ? ; : % ' and ideographic stops, closing brackets and quotes
  //   after   opening brackets and quotes, # $ @ and inverted ! ?
  //   around  line ends, / _ U+2014 and a hyphen that does not begin a line
  // Straight double quotes open and close alternately within a line.  Sequences of emoji get no
  // spaces.  encode(decode(ids)) == ids if the unknown token is not among them.
  std::string decode(std::span<const TokenId> ids) const override;

  int64_t vocab_size() const override { return vocabulary_.size(); }
  std::string token(TokenId id) const override { return vocabulary_.token(id, "token"); }
  std::string_view kind() const override { return kKind; }
  std::string to_json() const override { return vocabulary_json(vocabulary_); }
  uint64_t vocabulary_hash() const override { return vocabulary_.hash(); }
  // Returns the tokens and the settings.
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
