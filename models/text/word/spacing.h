// Joins the tokens of WordTokenizer and decides where spaces stand between them.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace vitro::text {

// Appends tokens to a text by the rule that WordTokenizer::decode states.
//
// The text splits into the same tokens again.  Words and numbers never touch each other.  A mark
// has a space before it, so that it cannot join another token; only variation selectors and the
// keycap have none, because they compose with nothing.
class Joiner {
 public:
  void append(std::string_view token);
  std::string take() { return std::move(text_); }

 private:
  enum class Spacing {
    kWord,      // a word: begins with a letter
    kPlain,     // a space on both sides
    kLeft,      // joins what stands before it
    kRight,     // joins what follows
    kBoth,      // joins both
    kLineEnd,   // joins both; the next quote opens
    kHyphen,    // joins both, unless it begins a line
    kQuote,     // opens and closes alternately
    kEmoji,     // joins other emoji
    kSelector,  // a mark that joins what stands before it, unless that is a word
  };
  static Spacing spacing_of(std::string_view token);
  Spacing resolve(Spacing spacing);
  bool joins(Spacing next) const;

  std::string text_;
  Spacing previous_ = Spacing::kLineEnd;
  bool is_in_quotes_ = false;
};

}  // namespace vitro::text
