// GPT-2's split of a text into the pieces that byte pairs are merged within.
#pragma once
#include <memory>
#include <string_view>

namespace vitro::text {

// The pieces of a text, in order; put together they are the text.  Valid UTF-8 is split by GPT-2's
// pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// where \s is Unicode's White_Space.  A run of bytes that are no UTF-8 is a piece of its own, and
// what stands before it is split as if the text ended there.
class BpePieces {
 public:
  explicit BpePieces(std::string_view text);
  bool next(std::string_view& piece);  // false at the end

 private:
  struct Deleter {
    void operator()(void* match_data) const;
  };
  std::string_view text_;
  size_t done_ = 0, end_of_valid_ = 0;
  std::unique_ptr<void, Deleter> match_data_;
};

}  // namespace vitro::text
