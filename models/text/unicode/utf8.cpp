// Converts UTF-8, normalizes to NFC and classifies characters.  No other file includes utf8proc.
#include "models/text/unicode/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "framework/base/error.h"

namespace vitro::text {
namespace {

constexpr char32_t kLargestCodePoint = 0x10FFFF, kReplacement = 0xFFFD;

bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

bool is_ascii(char byte) { return static_cast<uint8_t>(byte) < 0x80; }

std::string hex(const char* format, unsigned number) {
  char digits[16];
  std::snprintf(digits, sizeof digits, format, number);
  return digits;
}

[[noreturn]] void refuse(std::string_view op, uint8_t byte, size_t offset, const char* reason) {
  fail<ValueError>(op, ": expected valid UTF-8, got byte ", hex("0x%02X", byte), " at offset ",
                   offset, ", which ", reason);
}

int combining_class(int32_t c) { return utf8proc_get_property(c)->combining_class; }

// Puts each run of marks into canonical order.  utf8proc would swap neighbours, which takes
// quadratic time in the length of the run.
void order_marks(std::vector<int32_t>& code_points) {
  const auto is_mark = [](int32_t c) { return combining_class(c) != 0; };
  for (auto run = code_points.begin(); run != code_points.end();) {
    run = std::find_if(run, code_points.end(), is_mark);
    const auto end = std::find_if_not(run, code_points.end(), is_mark);
    if (end - run > 1) {
      std::stable_sort(
          run, end, [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); });
    }
    run = end;
  }
}

// Decomposes the segment, orders its marks, composes it, and appends the result to `out`.
void append_nfc(std::string& out, std::u32string_view segment) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  std::vector<int32_t> buffer;
  buffer.reserve(segment.size() + segment.size() / 2 + 4);
  for (const char32_t c : segment) {
    int32_t parts[8];  // canonical decompositions have at most 4
    const auto count =
        utf8proc_decompose_char(static_cast<int32_t>(c), parts, 8, kOptions, nullptr);
    if (count < 0 || count > 8)
      fail<ValueError>("to_nfc: expected a code point, got ", describe(c));
    buffer.insert(buffer.end(), parts, parts + count);
  }
  order_marks(buffer);
  // utf8proc 2.8 drops U+11A7 after a Hangul syllable, as if the syllable contained it.  U+11A7
  // composes with nothing, so the buffer is cut before each one.
  for (auto piece = buffer.begin(); piece != buffer.end();) {
    const auto end = std::find(piece + 1, buffer.end(), 0x11A7);
    const auto length = utf8proc_normalize_utf32(&*piece, end - piece, kOptions);
    std::for_each(piece, piece + length,
                  [&](int32_t c) { append_utf8(out, static_cast<char32_t>(c)); });
    piece = end;
  }
}

}  // namespace

CharClass char_class(char32_t c) {
  if ((c >= '\t' && c <= '\r') || c == 0x85) return CharClass::kSpace;
  switch (utf8proc_category(static_cast<int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CharClass::kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharClass::kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CharClass::kNumber;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return CharClass::kSpace;
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PI: return CharClass::kOpening;
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PF: return CharClass::kClosing;
    default: return CharClass::kOther;
  }
}

char32_t next_code_point(std::string_view text, size_t& offset, std::string_view op) {
  const auto lead = static_cast<uint8_t>(text[offset]);
  if (lead < 0x80) return text[offset++];
  if (lead < 0xC0) refuse(op, lead, offset, "continues no character");
  if (lead >= 0xF8) refuse(op, lead, offset, "never occurs in UTF-8");
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t c = lead & (0x7Fu >> length);
  for (size_t i = offset + 1; i < offset + length; ++i) {
    const auto byte = i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
    if ((byte & 0xC0) != 0x80) refuse(op, lead, offset, "begins a character that is cut short");
    c = c << 6 | (byte & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kSmallest[length]) refuse(op, lead, offset, "begins an overlong form");
  if (is_surrogate(c)) refuse(op, lead, offset, "begins a surrogate");
  if (c > kLargestCodePoint) refuse(op, lead, offset, "begins a code point above U+10FFFF");
  offset += length;
  return c;
}

Utf8Unit utf8_unit(std::string_view text, size_t offset) {
  const auto lead = static_cast<uint8_t>(text[offset]);
  if (lead < 0x80) return {Utf8Unit::kWhole, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8Unit::kBroken, 1};
  // The limits of the second byte exclude overlong forms, surrogates and code points above
  // U+10FFFF.
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i, low = 0x80, high = 0xBF) {
    if (offset + i == text.size()) return {Utf8Unit::kCut, i};
    const auto byte = static_cast<uint8_t>(text[offset + i]);
    if (byte < low || byte > high) return {Utf8Unit::kBroken, i};
  }
  return {Utf8Unit::kWhole, length};
}

size_t end_of_valid_utf8(std::string_view text, size_t offset) {
  while (offset < text.size()) {
    uint64_t eight = 0;
    if (offset + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + offset, sizeof eight);
      if ((eight & 0x8080808080808080) == 0) {
        offset += sizeof eight;
        continue;
      }
    }
    const Utf8Unit unit = utf8_unit(text, offset);
    if (unit.kind != Utf8Unit::kWhole) break;
    offset += unit.length;
  }
  return offset;
}

size_t end_of_invalid_utf8(std::string_view text, size_t offset) {
  while (offset < text.size()) {
    const Utf8Unit unit = utf8_unit(text, offset);
    if (unit.kind == Utf8Unit::kWhole) break;
    offset += unit.length;
  }
  return offset;
}

std::string_view without_cut_end(std::string_view text) {
  for (size_t n = 1; n <= std::min<size_t>(3, text.size()); ++n)
    if (utf8_unit(text, text.size() - n).kind == Utf8Unit::kCut)
      return text.substr(0, text.size() - n);
  return text;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string text;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t end = end_of_valid_utf8(bytes, offset);
    text += bytes.substr(offset, end - offset);
    if (end == bytes.size()) break;
    append_utf8(text, kReplacement);
    offset = end + utf8_unit(bytes, end).length;
  }
  return text;
}

void check_utf8(std::string_view text, std::string_view op) { count_code_points(text, op); }

size_t count_code_points(std::string_view text, std::string_view op) {
  size_t count = 0;
  for (size_t offset = 0; offset < text.size(); ++count) next_code_point(text, offset, op);
  return count;
}

std::u32string decode_utf8(std::string_view text, std::string_view op) {
  std::u32string code_points;
  for (size_t offset = 0; offset < text.size();) {
    code_points.push_back(next_code_point(text, offset, op));
  }
  return code_points;
}

std::string encode_utf8(std::u32string_view code_points) {
  std::string text;
  for (const char32_t c : code_points) append_utf8(text, c);
  return text;
}

void append_utf8(std::string& text, char32_t c) {
  check<ValueError>(c <= kLargestCodePoint && !is_surrogate(c),
                    "append_utf8: expected a code point up to U+10FFFF, no surrogate, got ",
                    static_cast<uint32_t>(c));
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<int32_t>(c), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

// In NFC, an ASCII character does not depend on the text before it.  So each run of other
// characters is normalized alone, together with the one ASCII character before the run, because a
// mark at the beginning of the run may compose with this character.
std::string to_nfc(std::string_view text, std::string_view op) {
  std::string out;
  out.reserve(text.size());
  for (size_t begin = 0; begin < text.size();) {
    const auto other = std::find_if_not(text.begin() + begin, text.end(), is_ascii);
    const size_t first = other - text.begin();
    const size_t end = std::find_if(other, text.end(), is_ascii) - text.begin();
    const size_t base = first < end && first > begin ? first - 1 : first;
    out.append(text.substr(begin, base - begin));
    // An error names the offset in the whole text, so the segment is decoded from there.
    std::u32string segment;
    for (size_t offset = base; offset < end;) {
      segment.push_back(next_code_point(text, offset, op));
    }
    if (!segment.empty()) append_nfc(out, segment);
    begin = end;
  }
  return out;
}

std::string clipped(const std::string& text, size_t most) {
  size_t offset = 0;
  for (size_t count = 0; offset < text.size() && count < most; ++count)
    next_code_point(text, offset, "clipped");
  return offset == text.size() ? text : text.substr(0, offset) + "...";
}

std::string describe(char32_t c) {
  const std::string code = hex("U+%04X", c);
  const auto category = utf8proc_category(static_cast<int32_t>(c));
  const bool visible = category != UTF8PROC_CATEGORY_CN && category < UTF8PROC_CATEGORY_ZS &&
                       char_class(c) != CharClass::kMark;
  if (!visible && c != ' ') return code;
  std::string text = "'";
  append_utf8(text, c);
  return text + "' (" + code + ")";
}

}  // namespace vitro::text
