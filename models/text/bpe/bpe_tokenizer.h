// Byte pair encoding of bytes, exactly as GPT-2 does it.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../text_pieces.h"
#include "../tokenizer.h"
#include "bpe_vocabulary.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

struct BpeEncodeOptions {
  std::vector<std::string> allowed_special = {};  // special tokens that text may become
  bool begins = true;  // false: it goes on from other text, and gets nothing that begins a text
};

struct BpeTrainOptions {
  // The last ids, in this order: visible ASCII characters.  No merge is learnt from their text.
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  int64_t min_count = 2;  // a pair that is rarer is not merged
  std::function<void(int64_t tokens, int64_t vocab_size)> on_progress = {};
};

// Text is split into words with the space before them, numbers, punctuation and white space; the
// bytes of each piece become tokens by merging, of all neighbours that the vocabulary merges, the
// pair of the lowest rank first.  Nothing is normalised: decode(encode(bytes)) == bytes for every
// byte string, unless the vocabulary has a bos_id, add_prefix_space or tokens that strip.  A copy
// shares its tables; encode and decode may run on several threads at once.
class BpeTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "bpe";
  static constexpr const char* kEndOfText = "<|endoftext|>";  // GPT-2's special token

  // 256 bytes, then the pairs that are merged, the most frequent first, then the special tokens.
  // Of equally frequent pairs the one with the lower left id is merged first, then with the lower
  // right id; a pair that spells a token which there is already is left.  There are fewer than
  // vocab_size tokens if no pair is left that occurs min_count times.  ValueError for a vocab_size
  // too small for bytes and special tokens, and for an empty text.
  static BpeTokenizer train(std::string_view text, int64_t vocab_size,
                            const BpeTrainOptions& options = {}) {
    return train(TextPieces(text), vocab_size, options);
  }
  static BpeTokenizer train(TextPieces pieces, int64_t vocab_size,
                            const BpeTrainOptions& options = {});

  // From tokenizer.json, or from vocab.json with merges.txt, or from encoder.json with vocab.bpe:
  // `path` is a directory that holds them, or one of them.  IoError, naming file and reason, for
  // what would not tokenize as GPT-2 does.  In a directory, and beside GPT-2's two files,
  // tokenizer_config.json, special_tokens_map.json and added_tokens.json count too.
  static BpeTokenizer load(const std::string& path);
  // ValueError for what BpeVocabulary::check_tokens refuses.
  explicit BpeTokenizer(BpeVocabulary vocabulary);

  // The text of a special token is text like any other, unless it is allowed: then it becomes the
  // token.  ValueError for an allowed token that is not special.
  std::vector<TokenId> encode(std::string_view text) const override { return encode(text, {}); }
  std::vector<TokenId> encode(std::string_view text, const BpeEncodeOptions& options) const;
  std::vector<TokenId> encode_piece(std::string_view piece) const override;
  std::string decode(std::span<const TokenId> ids) const override;  // bytes, maybe no UTF-8
  int64_t vocab_size() const override { return vocabulary().size(); }
  // The token's text, with \xNN for each byte that is no UTF-8.
  std::string token(TokenId id) const override;
  std::string_view kind() const override { return kKind; }
  uint64_t vocabulary_hash() const override { return vocabulary().hash(); }
  // tokenizer.json, which load() and Hugging Face's tools read.
  std::string to_json() const override;
  // tokenizer.json, vocab.json, merges.txt and tokenizer_config.json in a directory, which is made
  // if there is none: Hugging Face's tools load it.  A tokenizer_config.json that stands there
  // beside the same vocabulary stays: it says more than is known here.
  void save_pretrained(const std::string& directory) const;
  // Names and contents of what that writes.
  std::vector<std::pair<std::string, std::string>> pretrained_files(
      const std::string& directory) const;

  const std::map<std::string, TokenId, std::less<>>& special_tokens() const;
  std::optional<TokenId> end_of_text() const;  // kEndOfText's id, where it is special
  const BpeVocabulary& vocabulary() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace text
}  // namespace vitro
