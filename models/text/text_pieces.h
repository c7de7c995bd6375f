// A long text in pieces, each of which can be tokenized by itself.
#pragma once
#include <string_view>

#include "../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Pieces of about `piece_bytes`, cut between a character and the space or line end behind it: there
// no tokenizer's token goes on, and NFC composes nothing, so the tokens of the pieces are those of
// the whole.  Where there is no such place a piece is longer.
class TextPieces {
 public:
  explicit TextPieces(std::string_view text, size_t piece_bytes = size_t{1} << 20)
      : text_(text), piece_bytes_(piece_bytes) {}
  std::string_view text() const { return text_; }  // the whole
  TextPieces of(std::string_view text) const { return TextPieces(text, piece_bytes_); }
  bool next(std::string_view& piece);  // false at the end

 private:
  std::string_view text_;
  size_t piece_bytes_, done_ = 0;
};

}  // namespace text
}  // namespace vitro
