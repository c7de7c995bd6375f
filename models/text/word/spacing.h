// Where a space stands between the words and the punctuation that WordTokenizer joins.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace vitro::text {

// Appends tokens to a text by the rule that WordTokenizer::decode states.
//
// What is joined without a space splits into the same tokens again, because no word or number ever
// meets another, and no mark meets what it could join: marks take a space before them, except
// variation selectors and the keycap, which compose with nothing.
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
    kLineEnd,   // joins both; quotes begin anew
    kHyphen,    // joins both, unless it begins a line
    kQuote,     // opens and closes in turn
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
