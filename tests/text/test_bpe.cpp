// Tests byte pair encoding: the split, the merges, and that decoding gives the same bytes.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_merge.h"
#include "models/text/bpe/bpe_split.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/unicode/utf8.h"
#include "tests/support/bpe_reference.h"
#include "tests/support/paths.h"

using namespace vitro;
using namespace vitro::text;
using namespace vitro::testing;
using Ids = std::vector<TokenId>;
using Pieces = std::vector<std::string>;

namespace {

const std::string kWorld =
    "Hello, world! It's 2024; they'll pay $3.50 (or so).\n\n  Indented\ttext \r\n"
    "Tr\u0103m n\u0103m trong c\u00F5i ng\u01B0\u1EDDi ta, ch\u1EEF t\u00E0i ch\u1EEF m\u1EC7nh. "
    "Tra\u0306m na\u0306m co\u0303i ngu\u031Bo\u031B\u0300i.\n"
    "\u4F60\u597D\uFF0C\u4E16\u754C\u3002\u3000\u6211\u4EEC\u670912\u4E2A\u82F9\u679C\u3002\n"
    "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 "
    "\u0661\u0662\u0663 \u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645\n"
    "\U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F44D\U0001F3FD \u2764\uFE0F 1\uFE0F\u20E3\n"
    "\u0928\u092E\u0938\u094D\u0924\u0947 q\u0323\u0307 \u1E9B\u0323 \uAC00\u1100\u1161\u11A8";

const BpeTokenizer& trained() {
  static const BpeTokenizer tokenizer =
      BpeTokenizer::train(stories() + kWorld + kWorld + kWorld, 1200);
  return tokenizer;
}

Pieces split(std::string_view text) {
  Pieces all;
  BpePieces pieces(text);
  for (std::string_view piece; pieces.next(piece);) all.emplace_back(piece);
  return all;
}

std::string random_text(std::mt19937_64& random, const std::vector<std::string>& parts, int most) {
  std::string text;
  for (auto n = random() % static_cast<uint64_t>(most); n > 0; --n)
    text += parts[random() % parts.size()];
  return text;
}

}  // namespace

TEST_CASE("bpe: a byte is written as its own character, or as a character from U+0100 on") {
  const std::u32string characters =
      decode_utf8(to_byte_characters("\n !~\x7F\xA0\xA1\xAC\xAD\xAE\xFF"));
  CHECK(characters == U"\u010A\u0120!~\u0121\u0142\u00A1\u00AC\u0143\u00AE\u00FF");
  std::string all;
  for (const uint8_t byte : bytes_by_character()) all += static_cast<char>(byte);
  CHECK(all.starts_with("!\"#$"));
  CHECK(all.substr(93, 3) == "~\xA1\xA2");
  CHECK(all.substr(188, 2) == std::string("\0\x01", 2));
  CHECK(all.ends_with("\x9F\xA0\xAD"));
  CHECK(from_byte_characters(to_byte_characters(all)) == all);
  for (const char* outside : {" ", "a\n", "\u00AD", "\u0144", "\u4F60"})
    CHECK_THROWS_AS(from_byte_characters(outside), ValueError);
}

// The pieces are derived by hand from the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
TEST_CASE("bpe: a text is split as GPT-2 splits it") {
  struct Case {
    std::string text;
    Pieces pieces;
  };
  const Case cases[] = {
      {"", {}},
      {"Hello world", {"Hello", " world"}},
      {"it's we're I've I'm he'll she'd don't",
       {"it", "'s", " we", "'re", " I", "'ve", " I", "'m", " he", "'ll", " she", "'d", " don",
        "'t"}},
      {"IT'S 'Tis", {"IT", "'", "S", " '", "Tis"}},
      {"'so 's ' s", {"'s", "o", " '", "s", " '", " s"}},
      {"rock'n'roll", {"rock", "'", "n", "'", "roll"}},
      {"''s", {"''", "s"}},
      {"d\u2019accord", {"d", "\u2019", "accord"}},
      {"a  b   c", {"a", " ", " b", "  ", " c"}},
      {"a \n b", {"a", " \n", " b"}},
      {"a\n\nb", {"a", "\n", "\n", "b"}},
      {"a\n\n b", {"a", "\n\n", " b"}},
      {"end  ", {"end", "  "}},
      {"end \n", {"end", " \n"}},
      {" \t\r\n", {" \t\r\n"}},
      {"\ta", {"\t", "a"}},
      {"  \ta", {"  ", "\t", "a"}},
      {"x=-1.50e3", {"x", "=-", "1", ".", "50", "e", "3"}},
      {"1234567 89", {"1234567", " 89"}},
      {"3\u00BD \u2167\u0661", {"3\u00BD", " \u2167\u0661"}},
      {"GPT2 #hash", {"GPT", "2", " #", "hash"}},
      {"a\u00A0b", {"a", "\u00A0", "b"}},
      {"a \u00A0b", {"a", " ", "\u00A0", "b"}},
      {"a\u00A0 b", {"a", "\u00A0", " b"}},
      {"a\u3000\u3000b\u2028c\u0085d",
       {"a", "\u3000", "\u3000", "b", "\u2028", "c", "\u0085", "d"}},
      // These are not white space: the zero width space, the Mongolian vowel separator, a control
      // character.
      {"a\u200Bb\u180Ec\x1F"
       "d",
       {"a", "\u200B", "b", "\u180E", "c", "\x1F", "d"}},
      {"a  \u180E", {"a", " ", " \u180E"}},
      {"a \u0085b", {"a", " ", "\u0085", "b"}},
      {"e\u0301te\u0301", {"e", "\u0301", "te", "\u0301"}},
      {"\u00E9t\u00E9 \u0301", {"\u00E9t\u00E9", " \u0301"}},
      {"\u4F60\u597D\uFF0C\u4E16\u754C", {"\u4F60\u597D", "\uFF0C", "\u4E16\u754C"}},
      {"\u0645\u06CC\u200C\u062E", {"\u0645\u06CC", "\u200C", "\u062E"}},
      {"\u0928\u092E\u0938\u094D\u0924\u0947",
       {"\u0928\u092E\u0938", "\u094D", "\u0924", "\u0947"}},
      {" \U0001F468\u200D\U0001F469 ok", {" \U0001F468\u200D\U0001F469", " ok"}},
      {"1\uFE0F\u20E3", {"1", "\uFE0F\u20E3"}},
      {std::string("a\0b \0", 5), {"a", std::string(1, '\0'), "b", std::string(" \0", 2)}},
      {"<|endoftext|>", {"<|", "endoftext", "|>"}},
      // A run of invalid bytes is a piece, and the piece before it ends there.
      {"ab \xFF\xFE"
       "cd",
       {"ab", " ", "\xFF\xFE", "cd"}},
      {"\xE4\xBD\xE4\xBD\xA0", {"\xE4\xBD", "\xE4\xBD\xA0"}},
      {"\xED\xA0\x80\xC0\xAF", {"\xED\xA0\x80\xC0\xAF"}},
      {"a  \xC3", {"a", "  ", "\xC3"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(split(c.text) == c.pieces);
    CHECK(reference_split(c.text) == c.pieces);
  }
}

TEST_CASE("bpe: the split agrees with the pattern read by hand, on random texts") {
  const std::vector<std::string> parts = {"a",      "S",          "s",
                                          "t",      "re",         "ll",
                                          "d",      "'",          " ",
                                          " ",      "  ",         "\n",
                                          "\t",     "1",          "\u00BD",
                                          "-",      "!",          "\u00A0",
                                          "\u3000", "\u00E9",     "\u0301",
                                          "\u4F60", "\U0001F600", "\u200D",
                                          "\xFF",   "\xE4\xBD",   std::string(1, '\0')};
  std::mt19937_64 random(3);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random, parts, 20);
    if (split(text) != reference_split(text)) FAIL_CHECK(Catch::Detail::stringify(text));
  }
}

TEST_CASE("bpe: merges agree with a simple reference, in every language") {
  const BpeVocabulary& vocabulary = trained().vocabulary();
  CHECK(vocabulary.size() == 1200);
  CHECK(trained().encode(kWorld) == reference_encode(vocabulary, kWorld));
  const std::string part = stories().substr(0, 3000);
  CHECK(trained().encode(part) == reference_encode(vocabulary, part));
  // Short and long pieces are merged by different code.
  const BpeMerger merger(vocabulary);
  std::mt19937_64 random(5);
  std::vector<std::string> parts = {"th", "the", "a", "aa", "ing", "e", "r", "n", "\u0103"};
  for (int round = 0; round < 300; ++round) {
    const std::string piece = random_text(random, parts, round < 250 ? 40 : 150);
    Ids ids;
    merger.append(piece, ids);
    if (ids != reference_merge(vocabulary, piece)) FAIL_CHECK(piece);
  }
}

TEST_CASE("bpe: decode(encode(bytes)) gives the same bytes") {
  std::mt19937_64 random(11);
  std::vector<std::string> parts;
  for (int byte = 0; byte < 256; ++byte) parts.emplace_back(1, static_cast<char>(byte));
  const std::string world = kWorld;
  for (size_t i = 0; i + 7 < world.size(); i += 5) parts.push_back(world.substr(i, 7));
  for (int round = 0; round < 500; ++round) {
    const std::string bytes = random_text(random, parts, 200);
    const Ids ids = trained().encode(bytes);
    if (trained().decode(ids) != bytes || ids != reference_encode(trained().vocabulary(), bytes))
      FAIL_CHECK(Catch::Detail::stringify(bytes));
  }
  CHECK(trained().encode("").empty());
  CHECK(trained().decode({}).empty());
  CHECK(trained().decode(trained().encode(stories())) == stories());
}

TEST_CASE("bpe: text becomes special tokens only if they are allowed") {
  const BpeTokenizer& bpe = trained();
  REQUIRE(bpe.special_tokens() ==
          std::map<std::string, TokenId, std::less<>>{{"<|endoftext|>", 1199}});
  const std::string text = "one<|endoftext|>two";
  const Ids plain = bpe.encode(text);
  CHECK(std::count(plain.begin(), plain.end(), 1199) == 0);
  CHECK(bpe.decode(plain) == text);
  const Ids allowed = bpe.encode(text, {.allowed_special = {"<|endoftext|>"}});
  Ids expected = bpe.encode("one");
  expected.push_back(1199);
  for (const TokenId id : bpe.encode("two")) expected.push_back(id);
  CHECK(allowed == expected);
  CHECK(bpe.decode(allowed) == text);
  CHECK(bpe.encode("<|endoftext|>", {.allowed_special = {"<|endoftext|>"}}) == Ids{1199});
  CHECK_THROWS_WITH(bpe.encode("a", {.allowed_special = {"the"}}),
                    "encode: expected a special token, got the");
  // The longest of the tokens that begin at one place is found.
  const auto two = BpeTokenizer::train("ab", 259, {.special_tokens = {"<a>", "<a><b>", "<|e|>"}});
  CHECK(two.vocab_size() == 259);
  CHECK(two.encode("<a><b><a>", {.allowed_special = {"<a>", "<a><b>"}}) == Ids{257, 256});
  CHECK(two.encode("<a><b>", {.allowed_special = {"<a>"}}).front() == 256);
  // A token that begins inside another one is not found.
  const auto overlapping = BpeTokenizer::train("ab", 258, {.special_tokens = {"<a", "a>"}});
  CHECK(overlapping.decode(overlapping.encode("<a>a>", {.allowed_special = {"<a", "a>"}})) ==
        "<a>a>");
  CHECK(overlapping.encode("<a>a>", {.allowed_special = {"<a", "a>"}}).size() == 3);
}

TEST_CASE("bpe: tokens for display, and invalid ids") {
  const BpeTokenizer& bpe = trained();
  CHECK(bpe.kind() == "bpe");
  const Ids ids = bpe.encode(" the\xFF\n");
  CHECK(bpe.token(ids[0]) == " the");
  CHECK(bpe.token(ids[1]) == "\\xFF");
  CHECK(bpe.token(ids[2]) == "\n");
  for (const int64_t id : {int64_t{-1}, int64_t{1200}, INT64_MAX, INT64_MIN}) {
    const std::string range = "expected an id from 0 to 1199, got " + std::to_string(id) +
                              " (the vocabulary has 1200 tokens)";
    CHECK_THROWS_WITH(bpe.decode(Ids{id}), "decode: " + range);
    CHECK_THROWS_WITH(bpe.token(id), "token: " + range);
  }
}

// Twice the length may cost only a little more than twice the work.
TEST_CASE("bpe: work is not quadratic in the length of the text") {
  // One piece merges into few tokens, one merges only half way, and one is noise: there a merge is
  // hardly ever near the previous merge.
  BpeVocabulary doubling = BpeTokenizer::train("x", 257).vocabulary();
  doubling.special.clear();
  doubling.tokens.pop_back();
  for (int i = 0; i < 16; ++i) {
    const int32_t half = i == 0 ? doubling.byte_ids()['a'] : doubling.merges.back().result;
    doubling.merges.push_back({half, half, static_cast<int32_t>(doubling.size())});
    doubling.tokens.emplace_back(size_t{2} << i, 'a');
  }
  std::mt19937_64 random(17);
  std::string noise;
  for (int i = 0; i < (1 << 17); ++i) noise += "aeinrst"[random() % 7];
  struct Case {
    const BpeVocabulary& vocabulary;
    std::string text;
  };
  const Case cases[] = {{doubling, std::string(1 << 17, 'a')},
                        {trained().vocabulary(), std::string(1 << 17, 'a')},
                        {trained().vocabulary(), noise}};
  for (const Case& c : cases) {
    const BpeMerger merger(c.vocabulary);
    int64_t before = 0;
    for (size_t size = 1 << 12; size <= c.text.size(); size *= 2) {
      Ids ids;
      const int64_t work = merger.append(std::string_view(c.text).substr(0, size), ids);
      CAPTURE(size, work, before);
      CHECK(work >= static_cast<int64_t>(size) / 2);
      if (before > 0) CHECK(static_cast<double>(work) <= 2.5 * static_cast<double>(before));
      before = work;
    }
  }
}

TEST_CASE("bpe: a megabyte of one character or of one repeated piece is encoded") {
  for (const std::string part :
       {"a", " ", "\n", "1", "-", "\u4F60", "\u00A0", "\xFF", "'s", "a1"}) {
    std::string text;
    while (text.size() < 1 << 20) text += part;
    const Ids ids = trained().encode(text);
    CAPTURE(part);
    CHECK(trained().decode(ids) == text);
  }
}

TEST_CASE("bpe: several threads encode with one tokenizer") {
  const BpeTokenizer& bpe = trained();
  const Ids expected = bpe.encode(kWorld);
  int wrong[4] = {};
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&bpe, &expected, &count] {
      for (int i = 0; i < 50; ++i) count += bpe.encode(kWorld) != expected;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong[0] + wrong[1] + wrong[2] + wrong[3] == 0);
}
