// Finds special tokens and other added tokens in a text before it is split.
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

// Returns the tokens to search a text for: the special tokens with the names `special`, and all
// added tokens that are not special.  ValueError for a name that is not a special token.
std::vector<SoughtToken> sought_tokens(const Tokenizer& tokenizer,
                                       const std::vector<std::string>& special);

// Cuts a text at each occurrence of a token.  If two tokens begin at the same place, the text is
// cut at the longer token.
class SpecialPieces {
 public:
  struct Piece {
    std::string_view text;
    TokenId special;  // -1: ordinary text
  };
  SpecialPieces(std::string_view text, const std::vector<SoughtToken>& tokens);
  bool next(Piece& piece);  // returns false at the end; no piece is empty

 private:
  // Searches either for the normalized tokens or for all other tokens.
  class Pass {
   public:
    Pass(std::string_view text, const std::vector<SoughtToken>& tokens, bool is_normalized);
    bool next(Piece& piece);

   private:
    struct Sought : SoughtToken {
      size_t at;  // where it occurs next; npos if nowhere
    };
    const Sought* first();  // the token that occurs next; null if none does
    std::string_view text_;
    std::vector<Sought> tokens_;
    // done_ is the end of the last piece, sought_ the end of the last token's own text.
    size_t done_ = 0, sought_ = 0;
  };
  const std::vector<SoughtToken>& tokens_;
  Pass outer_, inner_;  // inner_ searches in a piece of ordinary text of outer_
};

}  // namespace vitro::text
