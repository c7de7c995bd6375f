// Decides from the first character of a token whether there are spaces around it.
#include "models/text/word/spacing.h"

#include "models/text/unicode/utf8.h"

namespace vitro::text {
namespace {

// Ellipsis; ideographic comma and full stop; full-width , ! ? ; and :
constexpr std::u32string_view kJoinLeft =
    U".,!?;:%'\u2026\u3001\u3002\uFF0C\uFF01\uFF1F\uFF1B\uFF1A";
// Inverted ! and ?
constexpr std::u32string_view kJoinRight = U"#$@\u00A1\u00BF";
// Slash, underscore; zero width non-joiner and joiner, inside words and emoji; hyphens; em dash.
constexpr std::u32string_view kJoinBoth = U"/_\u200C\u200D\u2010\u2011\u2014";
constexpr char32_t kKeycap = 0x20E3;

}  // namespace

Joiner::Spacing Joiner::spacing_of(std::string_view token) {
  size_t end = 0;
  const char32_t c = next_code_point(token, end, "decode");
  const CharClass kind = char_class(c);
  if (kind == CharClass::kLetter) return Spacing::kWord;
  if (kind == CharClass::kNumber || end != token.size()) return Spacing::kPlain;
  if (kJoinLeft.find(c) != kJoinLeft.npos) return Spacing::kLeft;
  if (kJoinRight.find(c) != kJoinRight.npos) return Spacing::kRight;
  if (kJoinBoth.find(c) != kJoinBoth.npos) return Spacing::kBoth;
  if (c == '\n') return Spacing::kLineEnd;
  if (c == '-') return Spacing::kHyphen;
  if (c == '"') return Spacing::kQuote;
  if ((c >= 0xFE00 && c <= 0xFE0F) || c == kKeycap) return Spacing::kSelector;
  if (c >= 0x1F000 && c <= 0x1FAFF) return Spacing::kEmoji;
  if (kind == CharClass::kOpening) return Spacing::kRight;
  return kind == CharClass::kClosing ? Spacing::kLeft : Spacing::kPlain;
}

// Handles the cases that depend on the text so far: a quote opens or closes, and a hyphen may begin
// a line.
Joiner::Spacing Joiner::resolve(Spacing spacing) {
  switch (spacing) {
    case Spacing::kLineEnd: is_in_quotes_ = false; return spacing;
    case Spacing::kHyphen: return previous_ == Spacing::kLineEnd ? Spacing::kPlain : Spacing::kBoth;
    case Spacing::kQuote:
      is_in_quotes_ = !is_in_quotes_;
      return is_in_quotes_ ? Spacing::kRight : Spacing::kLeft;
    default: return spacing;
  }
}

bool Joiner::joins(Spacing next) const {
  const auto is_tight = [](Spacing s) { return s == Spacing::kBoth || s == Spacing::kLineEnd; };
  if (is_tight(previous_) || previous_ == Spacing::kRight) return true;
  if (is_tight(next) || next == Spacing::kLeft) return true;
  if (next == Spacing::kSelector) return previous_ != Spacing::kWord;
  return next == Spacing::kEmoji && previous_ == Spacing::kEmoji;
}

void Joiner::append(std::string_view token) {
  const Spacing spacing = resolve(spacing_of(token));
  if (!joins(spacing)) text_ += ' ';
  text_ += token;
  previous_ = spacing;
}

}  // namespace vitro::text
