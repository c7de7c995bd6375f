// Tests that UTF-8 is read strictly, that NFC is Unicode's, and that messages name bytes.
#include <catch2/catch.hpp>
#include <string>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

using namespace vitro;

TEST_CASE("every code point survives UTF-8, NUL included") {
  std::u32string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) all.push_back(c);
  }
  const std::string bytes = text::encode_utf8(all);
  CHECK(text::decode_utf8(bytes) == all);
  CHECK(text::count_code_points(bytes, "count") == all.size());
}

TEST_CASE("invalid code points are not encoded") {
  for (const char32_t c : {0xD800u, 0xDFFFu, 0x110000u, 0xFFFFFFFFu}) {
    CHECK_THROWS_AS(text::encode_utf8({&c, 1}), ValueError);
  }
}

TEST_CASE("invalid UTF-8 is refused with its byte, its offset and the reason") {
  struct Case {
    std::string bytes, message;
  };
  const Case cases[] = {
      {"\x80", "byte 0x80 at offset 0, which continues no character"},
      {"ab\xBF", "byte 0xBF at offset 2, which continues no character"},
      {"\xC3\xA9\xA9", "byte 0xA9 at offset 2, which continues no character"},
      {"\xC0\x80", "byte 0xC0 at offset 0, which begins an overlong form"},
      {"\xC1\xBF", "byte 0xC1 at offset 0, which begins an overlong form"},
      {"\xE0\x9F\xBF", "byte 0xE0 at offset 0, which begins an overlong form"},
      {"a\xF0\x8F\xBF\xBF", "byte 0xF0 at offset 1, which begins an overlong form"},
      {"\xED\xA0\x80", "byte 0xED at offset 0, which begins a surrogate"},
      {"\xC3\xA9\xED\xBF\xBF", "byte 0xED at offset 2, which begins a surrogate"},
      {"\xF4\x90\x80\x80", "byte 0xF4 at offset 0, which begins a code point above U+10FFFF"},
      {"\xF7\xBF\xBF\xBF", "byte 0xF7 at offset 0, which begins a code point above U+10FFFF"},
      {"\xF8\x88\x80\x80\x80", "byte 0xF8 at offset 0, which never occurs in UTF-8"},
      {"\xFE", "byte 0xFE at offset 0, which never occurs in UTF-8"},
      {"abc\xFF", "byte 0xFF at offset 3, which never occurs in UTF-8"},
      {"\xC3", "byte 0xC3 at offset 0, which begins a character that is cut short"},
      {"abc\xE2\x82", "byte 0xE2 at offset 3, which begins a character that is cut short"},
      {"\xF0\x9F\x98", "byte 0xF0 at offset 0, which begins a character that is cut short"},
      {"\xF0\x9F\x98x", "byte 0xF0 at offset 0, which begins a character that is cut short"},
      {"\xE2\xC3\xA9", "byte 0xE2 at offset 0, which begins a character that is cut short"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.message);
    const std::string message = "here: expected valid UTF-8, got " + c.message;
    CHECK_THROWS_WITH(text::check_utf8(c.bytes, "here"), message);
    CHECK_THROWS_WITH(text::to_nfc(c.bytes, "here"), message);
    CHECK_THROWS_AS(text::decode_utf8(c.bytes), ValueError);
  }
}

TEST_CASE("nothing is read behind the end of a view") {
  const std::string_view whole = "a\xF0\x9F\x98\x80";
  for (size_t size = 2; size < whole.size(); ++size) {
    CHECK_THROWS_WITH(text::check_utf8(whole.substr(0, size), "here"),
                      Catch::Contains("at offset 1, which begins a character that is cut short"));
  }
}

TEST_CASE("the longest and shortest form of each length is read") {
  CHECK(text::decode_utf8("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF") ==
        U"\x7F\x80\x7FF\x800\xD7FF\xE000\xFFFF");
  CHECK(text::decode_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF") == U"\x10000\x10FFFF");
}

TEST_CASE("to_nfc composes, orders and excludes as Unicode does") {
  struct Case {
    std::u32string text, nfc;
  };
  const Case cases[] = {
      {U"", U""},
      {std::u32string(U"a\0b", 3), std::u32string(U"a\0b", 3)},
      {U"e\u0301", U"\u00E9"},                         // combined
      {U"\u00E9", U"\u00E9"},                          // already composed
      {U"xe\u0301y", U"x\u00E9y"},                     // between ASCII neighbours
      {U"e\u0301e\u0301", U"\u00E9\u00E9"},            // two in a row
      {U"\u0301e", U"\u0301e"},                        // a mark without a base
      {U"=\u0338", U"\u2260"},                         // a symbol
      {U"a\u0302\u0301", U"\u1EA5"},                   // two marks, as in Vietnamese
      {U"a\u0301\u0302", U"\u00E1\u0302"},             // two marks of one class keep their order
      {U"q\u0307\u0323", U"q\u0323\u0307"},            // two marks of different classes are sorted
      {U"a\u0302\u0323", U"\u1EAD"},                   // ordered, then combined
      {U"a\u0338\u0301", U"\u00E1\u0338"},             // combines past a mark of another class
      {U"a\u200D\u0301", U"a\u200D\u0301"},            // does not combine past a starter
      {U"\u212B\u2126", U"\u00C5\u03A9"},              // singletons
      {U"\u0958", U"\u0915\u093C"},                    // excluded from composition
      {U"\u1112\u1161\u11AB", U"\uD55C"},              // Hangul
      {U"\uD558\u11AB", U"\uD55C"},                    // Hangul, half composed
      {U"\uAC00\u11A7\u11A8", U"\uAC00\u11A7\u11A8"},  // U+11A7 is no part of a syllable
      {U"\U000110A5\U000110BA", U"\U000110AB"},        // outside the first plane
      {U"\uFB01\u00B2\uFF21", U"\uFB01\u00B2\uFF21"}   // compatibility forms are kept
  };
  for (const Case& c : cases) {
    CAPTURE(text::encode_utf8(c.text));
    CHECK(text::decode_utf8(text::to_nfc(text::encode_utf8(c.text))) == c.nfc);
    CHECK(text::to_nfc(text::encode_utf8(c.nfc)) == text::encode_utf8(c.nfc));
  }
}

// Ordering these marks by swapping neighbours would take 10^10 steps.
TEST_CASE("to_nfc orders a very long run of marks") {
  constexpr size_t kRun = 200'000;
  const std::u32string above(kRun, U'\u0307'), below(kRun, U'\u0323');
  const auto nfc = text::decode_utf8(text::to_nfc(text::encode_utf8(U"q" + above + below)));
  CHECK(nfc == U"q" + below + above);
}

TEST_CASE("characters have the class of their Unicode category") {
  using text::CharClass;
  struct Case {
    std::u32string characters;
    CharClass kind;
  };
  const Case cases[] = {
      {U"aZ\u00E9\u01C5\u02B0\u0111\u4E2D\u05D0", CharClass::kLetter},
      {U"\u0301\u093E\u20E3\uFE0F", CharClass::kMark},
      {U"09\u0660\u2163\u00BD", CharClass::kNumber},
      {U" \t\n\v\f\r\u0085\u00A0\u2028\u2029\u3000", CharClass::kSpace},
      {U"([{\u00AB\u2018\u201C\u300C", CharClass::kOpening},
      {U")]}\u00BB\u2019\u201D\u300D", CharClass::kClosing},
      {std::u32string(U"\0!-_$+^\u200D\uFEFF\U0001F600\uE000\U0010FFFF", 12), CharClass::kOther},
  };
  for (const Case& c : cases) {
    for (const char32_t character : c.characters) {
      CAPTURE(text::describe(character));
      CHECK(text::char_class(character) == c.kind);
    }
  }
}

TEST_CASE("describe shows a character only if it is visible alone") {
  CHECK(text::describe(U'x') == "'x' (U+0078)");
  CHECK(text::describe(U' ') == "' ' (U+0020)");
  CHECK(text::describe(U'\u00E9') == "'\u00E9' (U+00E9)");
  CHECK(text::describe(U'\U0001F600') == "'\U0001F600' (U+1F600)");
  for (const char32_t c : {U'\0', U'\n', U'\u0301', U'\u200D', U'\u00A0', U'\uE000', U'\U0010FFFF'})
    CHECK(text::describe(c).starts_with("U+"));
}

TEST_CASE("a unit is whole exactly if it is a valid code point") {
  using text::Utf8Unit;
  const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  int64_t wrong = 0;
  for (int a = 0; a < 256; ++a)
    for (const unsigned char b : edges)
      for (const unsigned char c : edges)
        for (const unsigned char d : edges)
          for (size_t size = 1; size <= 4; ++size) {
            const unsigned char all[] = {static_cast<unsigned char>(a), b, c, d};
            const std::string_view bytes(reinterpret_cast<const char*>(all), size);
            const Utf8Unit unit = text::utf8_unit(bytes, 0);
            size_t end = 0;
            try {
              text::next_code_point(bytes, end, "test");
            } catch (const ValueError&) { end = 0; }
            wrong += (unit.kind == Utf8Unit::kWhole) != (end > 0);
            wrong += end > 0 && unit.length != end;
            wrong += unit.length < 1 || unit.length > size;
            wrong += unit.kind == Utf8Unit::kCut && unit.length != size;
          }
  CHECK(wrong == 0);
}

TEST_CASE("invalid UTF-8 becomes U+FFFD, one for each broken character") {
  const std::string r = "\uFFFD";
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"a\u00E9\U0001F600", "a\u00E9\U0001F600"},
      {"\x80", r},
      {"\xC0\xAF\xE0\x80\xBF", r + r + r + r + r},
      {"\xED\xA0\x80", r + r + r},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", r + r + r + r + r + "A" + r + r + "B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", r + r + r + r + "A"},
      {"a\xE4\xBD", "a" + r},
  };  // the longer cases are from The Unicode Standard, 3.9, tables 3-8 to 3-11
  for (const auto& [bytes, text] : cases) {
    CAPTURE(bytes);
    CHECK(text::to_valid_utf8(bytes) == text);
  }
  CHECK(text::end_of_valid_utf8("0123456789\xC3\xA9\xC3", 0) == 12);
  CHECK(text::end_of_valid_utf8("0123456789\xC3\xA9\xC3", 3) == 12);
  CHECK(text::end_of_invalid_utf8("\xC3\xFF\x80 \x80", 0) == 3);
}
