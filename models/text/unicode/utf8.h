// UTF-8 to code points and back, NFC normalisation, and the character classes tokenizers ask for.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "../../../framework/base/cxx20.h"

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

// The bytes at text[offset]: a whole character, the beginning of one that the end of the text cuts
// short, or the most that could have begun one but does not go on (one byte if none begins).
struct Utf8Unit {
  enum Kind { kWhole, kCut, kBroken } kind;
  size_t length;  // in bytes, from 1
};
Utf8Unit utf8_unit(std::string_view text, size_t offset);

// Where the valid UTF-8 that begins at `offset` ends, and where the invalid bytes do.
size_t end_of_valid_utf8(std::string_view text, size_t offset);
size_t end_of_invalid_utf8(std::string_view text, size_t offset);

// The text without the beginning of a character that its end cuts short.
std::string_view without_cut_end(std::string_view text);

// Bytes as text: each broken unit becomes U+FFFD (as the WHATWG's decoders do).
std::string to_valid_utf8(std::string_view bytes);

// Whole strings.  ValueError as above, or for a code point that UTF-8 cannot hold.
void check_utf8(std::string_view text, std::string_view op);
size_t count_code_points(std::string_view text, std::string_view op);
std::u32string decode_utf8(std::string_view text, std::string_view op = "decode_utf8");
std::string encode_utf8(std::u32string_view code_points);
void append_utf8(std::string& text, char32_t c);

// Normalization Form C (Unicode Standard Annex 15) in O(n log n), for any sequence of marks.
std::string to_nfc(std::string_view text, std::string_view op = "to_nfc");

// For messages: the first `most` characters, and "..." if there are more.
std::string clipped(const std::string& text, size_t most);

// For messages: 'x' (U+0078), or U+0301 alone where the character cannot stand by itself.
std::string describe(char32_t c);

}  // namespace text
}  // namespace vitro
