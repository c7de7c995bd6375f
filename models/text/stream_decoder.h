// Ids that come one by one, as text.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Gives what each id adds to the text, in whole code points only: the beginning of a character is
// held back until the rest comes.  Bytes that can become no character are U+FFFD.  Put together it
// is to_valid_utf8(tokenizer.decode(all ids)).  The tokenizer must outlive it.
class StreamDecoder {
 public:
  // The text of `before`, a prompt, is there already: it decides about spaces, and is not given; a
  // character that it begins is given whole.
  explicit StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> before = {});
  std::string next(TokenId id);  // ValueError as from decode
  std::string flush();           // at the end: U+FFFD if a character was begun, else nothing

 private:
  const Tokenizer& tokenizer_;
  std::vector<TokenId> line_;  // on whose other tokens a token's spaces and quotes depend
  size_t shown_ = 0;           // bytes of its text that were given or are held back
  std::string held_;
};

}  // namespace text
}  // namespace vitro
