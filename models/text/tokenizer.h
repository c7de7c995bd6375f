// The interface of all tokenizers: text to token ids and back.
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

// The index of a token in the vocabulary, from 0.
using TokenId = int64_t;

// Converts between text and token ids.
class Tokenizer {
 public:
  virtual ~Tokenizer();

  // Returns the ids of a whole text.
  virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  // Returns the ids of a piece that follows other pieces of the same text (TextPieces).  The token
  // or space that belongs before a whole text is not added.
  virtual std::vector<TokenId> encode_piece(std::string_view piece) const { return encode(piece); }
  // Returns the text of the ids.  ValueError, with the id and the vocabulary's size, for an id
  // outside 0 .. vocab_size() - 1.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  // Returns the number of tokens, V.
  virtual int64_t vocab_size() const = 0;
  // Returns the text of one token, for display.
  virtual std::string token(TokenId id) const = 0;
  // Returns "char", "word" or "bpe".
  virtual std::string_view kind() const = 0;
  // Returns a hash of the vocabulary.  Token files store it, so ids of another tokenizer can be
  // detected.
  virtual uint64_t vocabulary_hash() const = 0;
  // Returns the contents of the file that save() writes.
  virtual std::string to_json() const = 0;
  // Writes to_json() to a file.  An old file is replaced only when the new one is complete.
  void save(const std::string& path) const;
};

// Returns the ids of a text.  The name of a special token in the text becomes this token if it is
// in `allowed_special`.  Pass `begins` = false for text that continues other text: then no token or
// space is added before it.  ValueError for a name in `allowed_special` that is not a special
// token; only BPE tokenizers have special tokens.
std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text,
                            const std::vector<std::string>& allowed_special, bool begins = true);

// Loads a tokenizer of any kind from a file that save() wrote, or from a path that
// BpeTokenizer::load accepts.  IoError with path and reason.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);
// Does the same from JSON in memory; errors call it `name`.
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name);

}  // namespace text
}  // namespace vitro
