// Cuts a long text into pieces that can be tokenized one by one.
#pragma once
#include <string_view>

#include "../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// The pieces have about `piece_bytes` bytes.  A cut is before a space or line end, after a
// character that is not white space.  No token crosses such a place, and NFC composes nothing
// there, so the pieces have the same tokens as the whole text.  A piece without such a place is
// longer.
class TextPieces {
 public:
  // Starts at the beginning of a text, which must outlive the object.
  explicit TextPieces(std::string_view text, size_t piece_bytes = size_t{1} << 20)
      : text_(text), piece_bytes_(piece_bytes) {}
  // Returns the whole text.
  std::string_view text() const { return text_; }
  // Returns pieces of the same size for another text.
  TextPieces of(std::string_view text) const { return TextPieces(text, piece_bytes_); }
  // Gives the next piece; returns false at the end.
  bool next(std::string_view& piece);

 private:
  std::string_view text_;
  size_t piece_bytes_, done_ = 0;
};

}  // namespace text
}  // namespace vitro
