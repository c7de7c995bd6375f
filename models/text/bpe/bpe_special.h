// Special tokens in a text: finding them, and what stands between them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/text/tokenizer.h"

namespace vitro::text {

// The special tokens of these names.  ValueError for what is none of the tokenizer's.
std::vector<std::pair<std::string_view, TokenId>> special_ids(
    const Tokenizer& tokenizer, const std::vector<std::string>& names);

// The text cut at each occurrence of a special token; where two begin at one place, the longer.
class SpecialPieces {
 public:
  struct Piece {
    std::string_view text;
    TokenId special;  // -1: ordinary text
  };
  SpecialPieces(std::string_view text, std::vector<std::pair<std::string_view, TokenId>> special);
  bool next(Piece& piece);  // false at the end; no piece is empty

 private:
  struct Special {
    std::string_view token;
    TokenId id;
    size_t at;  // where it occurs next
  };
  std::string_view text_;
  std::vector<Special> special_;
  size_t done_ = 0;
};

}  // namespace vitro::text
