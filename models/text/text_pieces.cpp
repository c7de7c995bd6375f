// Cutting a text where tokenizers do not look across.
#include "models/text/text_pieces.h"

#include <algorithm>

namespace vitro::text {

bool TextPieces::next(std::string_view& piece) {
  const std::string_view rest = text_.substr(done_);
  if (rest.empty()) return false;
  auto is_cut = [&](size_t i) {
    return (rest[i - 1] == '\n' || rest[i - 1] == ' ') && static_cast<unsigned char>(rest[i]) < 128;
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
