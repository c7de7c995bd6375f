// Encodes characters with a table that is indexed by code point.
#include "models/text/char/char_tokenizer.h"

#include <set>
#include <utility>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {
namespace {

constexpr int32_t kNoId = -1;

}  // namespace

CharTokenizer CharTokenizer::fit(TextPieces pieces, const CharTokenizerOptions& options) {
  check<ValueError>(!pieces.text().empty(),
                    "text: expected at least one character, got an empty text");
  check_utf8(pieces.text(), "text");
  std::vector<bool> seen(0x110000);
  for (std::string_view piece; pieces.next(piece);) {
    const std::string normal = options.nfc ? to_nfc(piece, "text") : std::string(piece);
    for (size_t offset = 0; offset < normal.size();)
      seen[next_code_point(normal, offset, "text")] = true;
  }
  Vocabulary vocabulary{
      .type = std::string(kKind), .nfc = options.nfc, .unk = options.unk, .tokens = {}};
  if (!options.unk.empty()) vocabulary.tokens.push_back(options.unk);
  for (char32_t c = 0; c < seen.size(); ++c) {
    if (!seen[c]) continue;
    std::string token = encode_utf8({&c, 1});
    if (token != options.unk) vocabulary.tokens.push_back(std::move(token));
  }
  return CharTokenizer(std::move(vocabulary));
}

CharTokenizer CharTokenizer::load(const std::string& path) {
  return tokenizer_from_file<CharTokenizer>(read_vocabulary(path), path);
}

CharTokenizer::CharTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  vocabulary_.check_tokens();
  for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    const std::u32string characters = decode_utf8(vocabulary_.tokens[id]);
    const bool is_unk = id == 0 && !vocabulary_.unk.empty();
    if (is_unk && characters.size() != 1) continue;
    check<ValueError>(characters.size() == 1, "vocabulary: expected one character for token ", id,
                      ", got ", characters.size());
    const char32_t c = characters[0];
    if (c >= id_of_.size()) id_of_.resize(c + 1, kNoId);
    if (id_of_[c] != kNoId) {
      fail<ValueError>("vocabulary: expected each character once, got ", describe(c), " as token ",
                       id_of_[c], " and token ", id);
    }
    id_of_[c] = static_cast<int32_t>(id);
  }
}

std::vector<TokenId> CharTokenizer::encode(std::string_view text) const {
  const std::string normal = vocabulary_.nfc ? to_nfc(text, "text") : std::string(text);
  std::vector<TokenId> ids;
  ids.reserve(normal.size());
  for (size_t offset = 0; offset < normal.size();) {
    const char32_t c = next_code_point(normal, offset, "text");
    const int32_t id = c < id_of_.size() ? id_of_[c] : kNoId;
    if (id == kNoId && vocabulary_.unk.empty()) {
      fail<ValueError>("text: expected characters of the vocabulary, got ", describe(c),
                       " at position ", ids.size(),
                       " (in characters, from 0); make the vocabulary from a text that has it, or "
                       "with an unknown token (--unk)");
    }
    ids.push_back(id == kNoId ? 0 : id);
  }
  return ids;
}

std::string CharTokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  text.reserve(ids.size());
  for (const TokenId id : ids) text += vocabulary_.token(id, "decode");
  return text;
}

}  // namespace vitro::text
