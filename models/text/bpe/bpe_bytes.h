// GPT-2's byte-to-unicode table: bytes written as visible characters, as its vocabulary files do.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vitro::text {

// The character of each byte: itself for the visible ones of Latin-1 (! to ~, U+00A1 to U+00AC,
// U+00AE to U+00FF), U+0100 upwards for the other 68 in the order of their values.
const std::array<char32_t, 256>& byte_characters();
// The bytes in the order of those characters, which is that of GPT-2's first 256 ids.
std::array<uint8_t, 256> bytes_by_character();

std::string to_byte_characters(std::string_view bytes);
// ValueError, naming it, for a character outside the table, and for invalid UTF-8.
std::string from_byte_characters(std::string_view text);

}  // namespace vitro::text
