// UTF-8 to code points and back, NFC normalisation, and the character classes tokenizers ask for.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Unicode's general categories, as far as splitting and joining words needs them.
enum class CharClass {
  kLetter,   // L
  kMark,     // M
  kNumber,   // N
  kSpace,    // Z, the ASCII white space (tab to carriage return) and U+0085
  kOpening,  // Ps, Pi: opening brackets and quotes
  kClosing,  // Pe, Pf
  kOther,
};
CharClass char_class(char32_t c);

// The code point that begins at text[offset]; moves `offset` past it.  Strict (Unicode, table 3-7):
// ValueError, naming the byte offset, for overlong forms, surrogates, code points above U+10FFFF,
// stray and missing continuation bytes.  `op` begins the message.
char32_t next_code_point(std::string_view text, size_t& offset, std::string_view op);

// Whole strings.  ValueError as above, or for a code point that UTF-8 cannot hold.
void check_utf8(std::string_view text, std::string_view op);
size_t count_code_points(std::string_view text, std::string_view op);
std::u32string decode_utf8(std::string_view text, std::string_view op = "decode_utf8");
std::string encode_utf8(std::u32string_view code_points);
void append_utf8(std::string& text, char32_t c);

// Normalization Form C (Unicode Standard Annex 15) in O(n log n), for any sequence of marks.
std::string to_nfc(std::string_view text, std::string_view op = "to_nfc");

// For messages: 'x' (U+0078), or U+0301 alone where the character cannot stand by itself.
std::string describe(char32_t c);

}  // namespace text
}  // namespace vitro
