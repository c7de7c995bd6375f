// Byte pair encoding (BPE), exactly as GPT-2 does it.
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

// Options of BpeTokenizer::encode.
struct BpeEncodeOptions {
  std::vector<std::string> allowed_special = {};  // special tokens that text may become
  bool begins = true;  // false if other text comes before: then nothing is added in front
};

// Options of BpeTokenizer::train.
struct BpeTrainOptions {
  // The tokens with the last ids, in this order.  Each has two or more visible ASCII characters.
  // No merge is learnt from their text.
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  int64_t min_count = 2;  // a pair that occurs less often is not merged
  // Is called after each merge with the present number of tokens and the requested vocab_size.
  std::function<void(int64_t tokens, int64_t vocab_size)> on_progress = {};
};

// Text is split into words with the space before them, numbers, punctuation and white space.  In
// each piece, the neighbours with the lowest rank are merged, until no pair of neighbours has a
// rank.  Nothing is normalized: decode(encode(bytes)) == bytes for every byte string, unless the
// vocabulary has a bos_id, add_prefix_space or tokens that strip white space.  Copies share tables.
// encode and decode may run on several threads at once.
class BpeTokenizer final : public Tokenizer {
 public:
  static constexpr std::string_view kKind = "bpe";            // kind() of these tokenizers
  static constexpr const char* kEndOfText = "<|endoftext|>";  // GPT-2's special token

  // Learns a vocabulary: 256 bytes, then the merged pairs, the most frequent first, then the
  // special tokens.  Among equally frequent pairs, the pair with the lowest left id, then with the
  // lowest right id, is merged first.  A pair is not merged if its text is a token already.  The
  // vocabulary has fewer than vocab_size tokens if no pair is left that occurs min_count times.
  // ValueError for an empty text, and for a vocab_size too small for bytes and special tokens.
  static BpeTokenizer train(std::string_view text, int64_t vocab_size,
                            const BpeTrainOptions& options = {}) {
    return train(TextPieces(text), vocab_size, options);
  }
  static BpeTokenizer train(TextPieces pieces, int64_t vocab_size,
                            const BpeTrainOptions& options = {});

  // Loads tokenizer.json, or vocab.json with merges.txt, or encoder.json with vocab.bpe.  `path` is
  // a directory with these files or one of them.  For a directory and for GPT-2's two files,
  // tokenizer_config.json, special_tokens_map.json and added_tokens.json are read too.  IoError,
  // with file and reason, also for settings that would give other tokens than GPT-2's algorithm.
  static BpeTokenizer load(const std::string& path);
  // ValueError as from BpeVocabulary::check_tokens.
  explicit BpeTokenizer(BpeVocabulary vocabulary);

  // The text of a special token becomes that token only if it is allowed; else it is ordinary text.
  // ValueError for an allowed token that is not special.
  std::vector<TokenId> encode(std::string_view text) const override { return encode(text, {}); }
  std::vector<TokenId> encode(std::string_view text, const BpeEncodeOptions& options) const;
  std::vector<TokenId> encode_piece(std::string_view piece) const override;
  // Returns the bytes of the tokens.  They need not be valid UTF-8.
  std::string decode(std::span<const TokenId> ids) const override;
  int64_t vocab_size() const override { return vocabulary().size(); }
  // Returns the token's text, with `\xNN` for each byte that is not valid UTF-8.
  std::string token(TokenId id) const override;
  std::string_view kind() const override { return kKind; }
  uint64_t vocabulary_hash() const override { return vocabulary().hash(); }
  // Returns the contents of tokenizer.json, which load() and Hugging Face's tools read.
  std::string to_json() const override;
  // Writes tokenizer.json, vocab.json, merges.txt and tokenizer_config.json, so that Hugging Face's
  // tools can load the directory.  A missing directory is made.  If it already has the same
  // vocabulary, its tokenizer_config.json is kept, because it may have settings unknown to vitro.
  void save_pretrained(const std::string& directory) const;
  // Returns the names and the contents of the files that save_pretrained() would write.
  std::vector<std::pair<std::string, std::string>> pretrained_files(
      const std::string& directory) const;

  // Returns the special tokens and their ids.
  const std::map<std::string, TokenId, std::less<>>& special_tokens() const;
  // Returns the id of kEndOfText if it is a special token.
  std::optional<TokenId> end_of_text() const;
  // Returns the tokens, the merges and the settings.
  const BpeVocabulary& vocabulary() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace text
}  // namespace vitro
