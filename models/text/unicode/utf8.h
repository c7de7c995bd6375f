// UTF-8: decoding, encoding, NFC normalization, and the character classes that tokenizers need.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "../../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Groups of Unicode's general categories, for splitting and joining words.
enum class CharClass {
  kLetter,   // L
  kMark,     // M
  kNumber,   // N
  kSpace,    // Z, the ASCII white space (tab to carriage return) and U+0085
  kOpening,  // Ps, Pi: opening brackets and quotes
  kClosing,  // Pe, Pf: closing brackets and quotes
  kOther,    // everything else
};
// Returns the class of a character.
CharClass char_class(char32_t c);

// Returns the code point that begins at text[offset], and moves `offset` past it.  Decoding is
// strict (Unicode, table 3-7): a ValueError names the byte offset of overlong forms, surrogates,
// code points above U+10FFFF, and stray or missing continuation bytes.  `op` begins the message.
char32_t next_code_point(std::string_view text, size_t& offset, std::string_view op);

// The kind and length of the bytes at one place of a text.
struct Utf8Unit {
  // The kinds of unit.
  enum Kind {
    kWhole,       // a whole character
    kCut,         // a character that the end of the text cuts off
    kBroken       // the beginning of a character without its rest, or one invalid byte
  } kind;         // what the bytes are
  size_t length;  // in bytes, at least 1
};
// Returns the unit that begins at text[offset].
Utf8Unit utf8_unit(std::string_view text, size_t offset);

// Returns the end of the valid UTF-8 that begins at `offset`; `offset` itself if there is none.
size_t end_of_valid_utf8(std::string_view text, size_t offset);
// Returns the end of the invalid bytes that begin at `offset`; `offset` itself if there are none.
size_t end_of_invalid_utf8(std::string_view text, size_t offset);

// Returns the text without an incomplete character at its end.
std::string_view without_cut_end(std::string_view text);

// Replaces each broken or cut unit by U+FFFD, as the WHATWG's decoders do.
std::string to_valid_utf8(std::string_view bytes);

// Throws a ValueError for invalid UTF-8, as next_code_point does.
void check_utf8(std::string_view text, std::string_view op);
// Returns the number of code points.  Throws as next_code_point does.
size_t count_code_points(std::string_view text, std::string_view op);
// Returns all code points of a text.  Throws as next_code_point does.
std::u32string decode_utf8(std::string_view text, std::string_view op = "decode_utf8");
// Returns code points as UTF-8.  Throws as append_utf8 does.
std::string encode_utf8(std::u32string_view code_points);
// Appends one code point.  ValueError for a surrogate and for a code point above U+10FFFF.
void append_utf8(std::string& text, char32_t c);

// Returns the text in Normalization Form C (Unicode Standard Annex 15).  It takes O(n log n) time
// for every text.  ValueError for invalid UTF-8.
std::string to_nfc(std::string_view text, std::string_view op = "to_nfc");

// Returns the first `most` characters, and "..." if there are more.  Messages use it.
std::string clipped(const std::string& text, size_t most);

// Returns 'x' (U+0078), or only U+0301 if the character is not visible alone.  Messages use it.
std::string describe(char32_t c);

}  // namespace text
}  // namespace vitro
