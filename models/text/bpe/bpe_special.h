// Tokens that are found in a text before it is split: special ones and other added ones.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/text/tokenizer.h"

namespace vitro::text {

// A token that a text is searched for.
struct SoughtToken {
  std::string_view text;
  TokenId id = 0;
  bool lstrip = false, rstrip = false, normalized = false;
};

// The tokens that the tokenizer finds in a text: special ones of these names, and all that are
// added and not special.  ValueError for a name that is none of the tokenizer's special tokens.
std::vector<SoughtToken> sought_tokens(const Tokenizer& tokenizer,
                                       const std::vector<std::string>& special);

// The text cut at each occurrence of a token; where two begin at one place, the longer.
class SpecialPieces {
 public:
  struct Piece {
    std::string_view text;
    TokenId special;  // -1: ordinary text
  };
  SpecialPieces(std::string_view text, const std::vector<SoughtToken>& tokens);
  bool next(Piece& piece);  // false at the end; no piece is empty

 private:
  // Looks for tokens of one kind.
  class Pass {
   public:
    Pass(std::string_view text, const std::vector<SoughtToken>& tokens, bool is_normalized);
    bool next(Piece& piece);

   private:
    struct Sought : SoughtToken {
      size_t at;  // where it occurs next
    };
    const Sought* first();  // the token that occurs next; null: none does
    std::string_view text_;
    std::vector<Sought> tokens_;
    size_t done_ = 0, sought_ = 0;  // sought_: where the last token itself ended
  };
  const std::vector<SoughtToken>& tokens_;
  Pass outer_, inner_;  // inner_: in a piece of the outer one
};

}  // namespace vitro::text
