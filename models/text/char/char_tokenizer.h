// The character tokenizer: each Unicode code point is one token.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../text_pieces.h"
#include "../tokenizer.h"
#include "../word/vocabulary.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Options of CharTokenizer::fit.
struct CharTokenizerOptions {
  bool nfc = true;       // whether fit and encode bring text to NFC
  std::string unk = {};  // the unknown token, id 0; if empty, an unknown character is an error
};

// decode(encode(text)) == NFC(text) if the vocabulary has all characters of the text.
class CharTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "char";  // kind() of these tokenizers

  // Makes a tokenizer of the characters of a text.  Their ids have the order of their code points,
  // after the unknown token.  ValueError for an empty text and for invalid UTF-8.
  static CharTokenizer fit(std::string_view text, const CharTokenizerOptions& options = {}) {
    return fit(TextPieces(text), options);
  }
  static CharTokenizer fit(TextPieces pieces, const CharTokenizerOptions& options = {});
  // Loads a file that save() wrote.  IoError with path and reason.
  static CharTokenizer load(const std::string& path);

  // ValueError unless all tokens, except the unknown token, are different single characters.
  explicit CharTokenizer(Vocabulary vocabulary);

  // An unknown character becomes the unknown token.  Without an unknown token, a ValueError names
  // the character, its code point, and its position: the number of characters before it in NFC.
  std::vector<TokenId> encode(std::string_view text) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  int64_t vocab_size() const override { return vocabulary_.size(); }
  std::string token(TokenId id) const override { return vocabulary_.token(id, "token"); }
  std::string_view kind() const override { return kKind; }
  std::string to_json() const override { return vocabulary_json(vocabulary_); }
  uint64_t vocabulary_hash() const override { return vocabulary_.hash(); }
  // Returns the tokens and the settings.
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::vector<int32_t> id_of_;  // by code point; kNoId for one that is not in the vocabulary
};

}  // namespace text
}  // namespace vitro
