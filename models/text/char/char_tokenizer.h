// One token per Unicode code point.
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

struct CharTokenizerOptions {
  bool nfc = true;       // bring text to NFC, in fit and in encode
  std::string unk = {};  // a token for unknown characters, as "<unk>", id 0; empty: an error
};

// decode(encode(text)) == NFC(text) for every text whose characters are known.
class CharTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "char";

  // The characters of `text`, ids in the order of their code points (after the unknown token).
  // ValueError for an empty text and for invalid UTF-8, whose byte offset it names.
  static CharTokenizer fit(std::string_view text, const CharTokenizerOptions& options = {}) {
    return fit(TextPieces(text), options);
  }
  static CharTokenizer fit(TextPieces pieces, const CharTokenizerOptions& options = {});
  static CharTokenizer load(const std::string& path);

  // ValueError unless every token (the unknown one excepted) is one character, given once.
  explicit CharTokenizer(Vocabulary vocabulary);

  // An unknown character is the unknown token or, where there is none, a ValueError that names it,
  // its code point and its position: characters of the NFC text, from 0.
  std::vector<TokenId> encode(std::string_view text) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  int64_t vocab_size() const override { return vocabulary_.size(); }
  std::string token(TokenId id) const override { return vocabulary_.token(id, "token"); }
  std::string_view kind() const override { return kKind; }
  std::string to_json() const override { return vocabulary_json(vocabulary_); }
  uint64_t vocabulary_hash() const override { return vocabulary_.hash(); }
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::vector<int32_t> id_of_;  // by code point; kNoId where the vocabulary has none
};

}  // namespace text
}  // namespace vitro
