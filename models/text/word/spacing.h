// Joins the tokens of WordTokenizer, and decides where to put spaces between them.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace vitro::text {

// Appends tokens to a text by the rule that WordTokenizer::decode states.
//
// WordTokenizer splits the text into the same tokens again.  So there is always a space between
// words and numbers.  There is a space before a mark too, because the mark could become part of the
// token before it.  Only variation selectors and the keycap need no space: they compose with
// nothing.
class Joiner {
 public:
  void append(std::string_view token);
  std::string take() { return std::move(text_); }

 private:
  enum class Spacing {
    kWord,      // a token that begins with a letter
    kPlain,     // a space on both sides
    kLeft,      // no space before it
    kRight,     // no space after it
    kBoth,      // no space on either side
    kLineEnd,   // no space on either side; the next quote opens
    kHyphen,    // no space on either side, unless it begins a line
    kQuote,     // alternately kRight (it opens) and kLeft (it closes)
    kEmoji,     // no space between two emoji
    kSelector,  // a mark: no space before it, except after a word
  };
  static Spacing spacing_of(std::string_view token);
  Spacing resolve(Spacing spacing);
  bool joins(Spacing next) const;

  std::string text_;
  Spacing previous_ = Spacing::kLineEnd;
  bool is_in_quotes_ = false;
};

}  // namespace vitro::text
