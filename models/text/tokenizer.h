// Text to token ids and back: what every tokenizer can do.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

using TokenId = int64_t;

class Tokenizer {
 public:
  virtual ~Tokenizer();

  virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  // The ids of a piece that stands behind others (TextPieces): without what begins a text.
  virtual std::vector<TokenId> encode_piece(std::string_view piece) const { return encode(piece); }
  // ValueError, naming the id and the vocabulary's size, for an id that is not below vocab_size().
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  virtual int64_t vocab_size() const = 0;
  // The text of one token, for display.
  virtual std::string token(TokenId id) const = 0;
  // "char", "word" or "bpe": the type that the saved file carries.
  virtual std::string_view kind() const = 0;
  // Of the vocabulary: what is encoded by equal tokenizers can be told from the rest.
  virtual uint64_t vocabulary_hash() const = 0;
  virtual std::string to_json() const = 0;
  // Writes to_json() to a file; the old file stays whole until the new one is.
  void save(const std::string& path) const;
};

// tokenizer.encode(text), where the text of these special tokens becomes them; text that goes on
// from other text gets nothing that begins one.  ValueError for what is no special token of the
// tokenizer; only byte pairs have any.
std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text,
                            const std::vector<std::string>& allowed_special, bool begins = true);

// The tokenizer that a file was saved from, whichever its type, or one that BpeTokenizer::load
// takes.  IoError names path and reason.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);
// The same from JSON in memory; errors call it `name`.
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name);

}  // namespace text
}  // namespace vitro
