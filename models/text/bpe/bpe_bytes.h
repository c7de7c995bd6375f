// GPT-2's table of characters for bytes.  Its vocabulary files write each byte as a visible
// character.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vitro::text {

// Returns the character of each byte.  A byte that is a visible character of Latin-1 (! to ~,
// U+00A1 to U+00AC, U+00AE to U+00FF) becomes this character.  The other 68 bytes become U+0100,
// U+0101, ... in the order of their values.
const std::array<char32_t, 256>& byte_characters();
// Returns the bytes in the order of their characters.  GPT-2's first 256 ids have this order.
std::array<uint8_t, 256> bytes_by_character();

// Writes bytes as characters of the table, in UTF-8.
std::string to_byte_characters(std::string_view bytes);
// Does the reverse.  ValueError for a character outside the table and for invalid UTF-8.
std::string from_byte_characters(std::string_view text);

}  // namespace vitro::text
