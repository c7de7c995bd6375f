// The table of characters for bytes, in both directions.
#include "models/text/bpe/bpe_bytes.h"

#include <algorithm>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

constexpr bool is_visible(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> kCharacters = [] {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    characters[static_cast<size_t>(byte)] = is_visible(byte) ? static_cast<char32_t>(byte) : next++;
  return characters;
}();

constexpr char32_t kLast = 0x143;  // the character of byte 0xAD, the last of the 68 bytes

constexpr std::array<int16_t, kLast + 1> kBytes = [] {
  std::array<int16_t, kLast + 1> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (size_t byte = 0; byte < 256; ++byte) bytes[kCharacters[byte]] = static_cast<int16_t>(byte);
  return bytes;
}();

}  // namespace

const std::array<char32_t, 256>& byte_characters() { return kCharacters; }

std::array<uint8_t, 256> bytes_by_character() {
  std::array<uint8_t, 256> bytes;
  for (size_t i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  std::sort(bytes.begin(), bytes.end(),
            [](uint8_t a, uint8_t b) { return kCharacters[a] < kCharacters[b]; });
  return bytes;
}

std::string to_byte_characters(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(text, kCharacters[static_cast<uint8_t>(byte)]);
  return text;
}

std::string from_byte_characters(std::string_view text) {
  std::string bytes;
  for (size_t offset = 0; offset < text.size();) {
    const char32_t c = next_code_point(text, offset, "vocabulary");
    check<ValueError>(c <= kLast && kBytes[c] >= 0,
                      "vocabulary: expected characters of the byte table, got ", describe(c));
    bytes += static_cast<char>(kBytes[c]);
  }
  return bytes;
}

}  // namespace vitro::text
