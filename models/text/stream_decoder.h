// Decodes ids that arrive one by one.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Returns the text that each id adds, in whole code points: the beginning of a character is held
// back until the rest arrives.  Invalid bytes become U+FFFD.  All results together are
// to_valid_utf8(tokenizer.decode(all ids)).  The tokenizer must outlive the decoder.
class StreamDecoder {
 public:
  // `before` is the prompt.  Its text is not returned, but spaces may depend on it.  If it ends in
  // the middle of a character, next() returns the whole character.
  explicit StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> before = {});
  // Returns the text that is complete with this id.  ValueError as from Tokenizer::decode.
  std::string next(TokenId id);
  // Ends the text: returns U+FFFD if a character is not complete, else nothing.
  std::string flush();

 private:
  const Tokenizer& tokenizer_;
  std::vector<TokenId> line_;  // the current line: spaces and quotes depend on its other tokens
  size_t shown_ = 0;           // bytes of the line's text that were returned or are held back
  std::string held_;           // bytes that are not returned yet
};

}  // namespace text
}  // namespace vitro
