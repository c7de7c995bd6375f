// Splits a text into pieces as GPT-2 does.  Bytes are merged only within a piece.
#pragma once
#include <memory>
#include <string_view>

namespace vitro::text {

// Gives the pieces of a text in order.  Joined, they give the text.  Valid UTF-8 is split by
// GPT-2's pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// where \s is Unicode's White_Space.  A run of invalid bytes is one piece, and the text before it
// is split as if it ended there.
class BpePieces {
 public:
  explicit BpePieces(std::string_view text);
  bool next(std::string_view& piece);  // returns false at the end

 private:
  struct Deleter {
    void operator()(void* match_data) const;
  };
  std::string_view text_;
  size_t done_ = 0, end_of_valid_ = 0;
  std::unique_ptr<void, Deleter> match_data_;
};

}  // namespace vitro::text
