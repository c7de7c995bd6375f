// Cuts a text at places that no token crosses.
#include "models/text/text_pieces.h"

#include <algorithm>

#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// Returns whether a valid character that is not white space ends right before text[end].
bool is_character_before(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
    --begin;
  const Utf8Unit unit = utf8_unit(text.substr(0, end), begin);
  return unit.kind == Utf8Unit::kWhole && unit.length == end - begin &&
         char_class(next_code_point(text, begin, "text")) != CharClass::kSpace;
}

}  // namespace

bool TextPieces::next(std::string_view& piece) {
  const std::string_view rest = text_.substr(done_);
  if (rest.empty()) return false;
  auto is_cut = [&](size_t i) {
    return (rest[i] == '\n' || rest[i] == ' ') && is_character_before(rest, i);
  };
  size_t end = std::min(piece_bytes_, rest.size());
  if (end < rest.size()) {
    while (end > 0 && !is_cut(end)) --end;
    if (end == 0)
      for (end = piece_bytes_ + 1; end < rest.size() && !is_cut(end);) ++end;
  }
  piece = rest.substr(0, end);
  done_ += end;
  return true;
}

}  // namespace vitro::text
