// Tests that characters and words are encoded as ids, and decoded to text.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "framework/base/error.h"
#include "models/text/char/char_tokenizer.h"
#include "models/text/unicode/utf8.h"
#include "models/text/word/word_tokenizer.h"

using namespace vitro;
using text::CharTokenizer;
using text::WordTokenizer;
using Ids = std::vector<text::TokenId>;

namespace {

const std::string kVietnamese =
    "Tr\u0103m n\u0103m trong c\u00F5i ng\u01B0\u1EDDi ta,\n"
    "Ch\u1EEF t\u00E0i ch\u1EEF m\u1EC7nh kh\u00E9o l\u00E0 gh\u00E9t nhau.\n";
const std::string kVietnameseNfd =
    "Tra\u0306m na\u0306m trong co\u0303i ngu\u031Bo\u031B\u0300i ta,\n"
    "Chu\u031B\u0303 ta\u0300i chu\u031B\u0303 me\u0323\u0302nh khe\u0301o la\u0300 "
    "ghe\u0301t nhau.\n";

std::vector<std::string> tokens_of(const text::Tokenizer& tokenizer, const Ids& ids) {
  std::vector<std::string> tokens;
  for (const auto id : ids) tokens.push_back(tokenizer.token(id));
  return tokens;
}

// Returns the tokens that a text is split into.
std::vector<std::string> words_of(const std::string& text, bool nfc = true) {
  const auto words = WordTokenizer::fit(text, {.nfc = nfc});
  return tokens_of(words, words.encode(text));
}

std::string joined(const std::string& text) {
  const auto words = WordTokenizer::fit(text);
  return words.decode(words.encode(text));
}

std::string encode_error(const text::Tokenizer& tokenizer, const std::string& text) {
  try {
    tokenizer.encode(text);
  } catch (const ValueError& error) { return error.what(); }
  return "no error";
}

}  // namespace

TEST_CASE("characters get ids in the order of their code points") {
  const auto chars = CharTokenizer::fit("hello, \u00E9\U0001F600\n");
  CHECK(chars.kind() == "char");
  CHECK(chars.vocab_size() == 9);
  CHECK(chars.vocabulary().tokens ==
        std::vector<std::string>{"\n", " ", ",", "e", "h", "l", "o", "\u00E9", "\U0001F600"});
  CHECK(chars.encode("hole\U0001F600") == Ids{4, 6, 5, 3, 8});
  CHECK(chars.decode(Ids{8, 7, 0}) == "\U0001F600\u00E9\n");
  CHECK(chars.encode("").empty());
  CHECK(chars.decode({}).empty());
}

TEST_CASE("decode(encode(text)) is the text in NFC, for every code point") {
  std::u32string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) all.push_back(c);
  }
  const std::string text = text::encode_utf8(all);
  const auto raw = CharTokenizer::fit(text, {.nfc = false});
  CHECK(raw.vocab_size() == static_cast<int64_t>(all.size()));
  CHECK(raw.decode(raw.encode(text)) == text);
  const auto normal = CharTokenizer::fit(text);
  CHECK(normal.decode(normal.encode(text)) == text::to_nfc(text));
}

TEST_CASE("composed and decomposed text have the same ids") {
  REQUIRE(kVietnamese != kVietnameseNfd);
  const auto chars = CharTokenizer::fit(kVietnamese);
  CHECK(chars.encode(kVietnameseNfd) == chars.encode(kVietnamese));
  CHECK(chars.decode(chars.encode(kVietnameseNfd)) == kVietnamese);
  CHECK(CharTokenizer::fit(kVietnameseNfd).vocabulary().tokens == chars.vocabulary().tokens);
  const auto words = WordTokenizer::fit(kVietnamese);
  CHECK(words.encode(kVietnameseNfd) == words.encode(kVietnamese));
  CHECK(words.decode(words.encode(kVietnameseNfd)) == kVietnamese);
  // With nfc = false the text is not changed.
  const auto raw = CharTokenizer::fit(kVietnameseNfd, {.nfc = false});
  CHECK(raw.decode(raw.encode(kVietnameseNfd)) == kVietnameseNfd);
  CHECK_THROWS_AS(raw.encode(kVietnamese), ValueError);
}

TEST_CASE("an unknown character is named with its code point and position") {
  const auto chars = CharTokenizer::fit("abcdefg");
  CHECK(encode_error(chars, "abcdefg\u00E9") ==
        "text: expected characters of the vocabulary, got '\u00E9' (U+00E9) at position 7 (in "
        "characters, from 0); make the vocabulary from a text that has it, or with an unknown "
        "token (--unk)");
  const auto accents = CharTokenizer::fit("\u00E9");
  CHECK_THAT(encode_error(accents, "\u00E9e\u0301\U0001F600"),
             Catch::Contains("'\U0001F600' (U+1F600) at position 2 "));
  CHECK_THAT(encode_error(accents, std::string(1, '\0')),
             Catch::Contains("got U+0000 at position 0 "));
}

TEST_CASE("unknown characters become the unknown token if there is one") {
  const auto chars = CharTokenizer::fit("abc", {.unk = "<unk>"});
  CHECK(chars.vocabulary().tokens == std::vector<std::string>{"<unk>", "a", "b", "c"});
  CHECK(chars.encode("a\u00E9<c\U0001F600") == Ids{1, 0, 0, 3, 0});
  CHECK(chars.decode(Ids{1, 0, 3}) == "a<unk>c");
  // If the unknown token is one character, this character has its id too.
  const auto question = CharTokenizer::fit("a?b", {.unk = "?"});
  CHECK(question.vocabulary().tokens == std::vector<std::string>{"?", "a", "b"});
  CHECK(question.encode("b?!") == Ids{2, 0, 0});
}

TEST_CASE("invalid arguments and texts are refused") {
  CHECK_THROWS_WITH(CharTokenizer::fit(""),
                    Catch::StartsWith("text: ") && Catch::Contains("empty"));
  CHECK_THROWS_WITH(WordTokenizer::fit(""), Catch::StartsWith("text: "));
  CHECK_THROWS_AS(WordTokenizer::fit(" \t\r\u3000"), ValueError);
  CHECK_THROWS_AS(WordTokenizer::fit("a b c", {.min_count = 2}), ValueError);
  CHECK_THROWS_AS(WordTokenizer::fit("a", {.min_count = 0}), ValueError);
  CHECK_THROWS_AS(WordTokenizer::fit("a a", {.min_count = 2, .unk = ""}), ValueError);
  CHECK_THROWS_AS(CharTokenizer::fit("a", {.unk = "\xFF"}), ValueError);
  const auto chars = CharTokenizer::fit("ab");
  const auto words = WordTokenizer::fit("ab");
  for (const bool nfc : {true, false}) {
    CHECK_THROWS_WITH(CharTokenizer::fit("ab\xED\xA0\x80", {.nfc = nfc}),
                      Catch::StartsWith("text: ") && Catch::Contains("offset 2"));
    CHECK_THROWS_WITH(WordTokenizer::fit("ab \xC3", {.nfc = nfc}),
                      Catch::StartsWith("text: ") && Catch::Contains("offset 3"));
  }
  for (const text::Tokenizer* tokenizer :
       {static_cast<const text::Tokenizer*>(&chars), static_cast<const text::Tokenizer*>(&words)}) {
    CHECK_THAT(encode_error(*tokenizer, "ab\xFF"),
               Catch::StartsWith("text: ") && Catch::Contains("offset 2"));
    for (const int64_t id : {int64_t{-1}, int64_t{2}, INT64_MAX, INT64_MIN}) {
      const Ids ids = {id};
      const std::string range = "expected an id from 0 to 1, got " + std::to_string(id) +
                                " (the vocabulary has 2 tokens)";
      CHECK_THROWS_WITH(tokenizer->decode(ids), "decode: " + range);
      CHECK_THROWS_WITH(tokenizer->token(id), "token: " + range);
    }
  }
}

TEST_CASE("text is split into words, numbers, line ends and other characters") {
  using Tokens = std::vector<std::string>;
  struct Case {
    std::string text;
    Tokens tokens;
  };
  const Case cases[] = {
      {"Hello, world!", {"Hello", ",", "world", "!"}},
      {"don't 'tis dogs' rock'n'roll", {"don't", "'", "tis", "dogs", "'", "rock'n'roll"}},
      {"don\u2019t \u2018so\u2019", {"don\u2019t", "\u2018", "so", "\u2019"}},
      {"a''b '4 4's", {"a", "'", "'", "b", "'", "4", "4", "'", "s"}},
      {"GPT2 has 1,024", {"GPT", "2", "has", "1", ",", "024"}},
      {"a\n\n b\r\nc\t\u00A0d", {"a", "\n", "\n", "b", "\n", "c", "d"}},
      {"x=-1", {"x", "=", "-", "1"}},
      {"q\u0323\u0307u\u0331'e\u0331", {"q\u0323\u0307u\u0331'e\u0331"}},
      {"\u0331q", {"\u0331", "q"}},
      {"1\uFE0F\u20E3", {"1", "\uFE0F", "\u20E3"}},
      {"\U0001F600\U0001F600", {"\U0001F600", "\U0001F600"}},
      {"\u4F60\u597D\u3002", {"\u4F60\u597D", "\u3002"}},
      {std::string("a\0b", 3), {"a", std::string(1, '\0'), "b"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(words_of(c.text) == c.tokens);
  }
  CHECK(words_of("e\u0301t\u00E9", /*nfc=*/false) == Tokens{"e\u0301t\u00E9"});
}

TEST_CASE("words get ids by falling count, then by bytes, after the unknown token") {
  const auto words = WordTokenizer::fit("b a c b c b . \u00E9 z");
  CHECK(words.kind() == "word");
  CHECK(words.vocabulary().tokens ==
        std::vector<std::string>{"<unk>", "b", "c", ".", "a", "z", "\u00E9"});
  const auto frequent = WordTokenizer::fit("b a c b c b .", {.min_count = 2});
  CHECK(frequent.vocabulary().tokens == std::vector<std::string>{"<unk>", "b", "c"});
  CHECK(frequent.encode("a b c") == Ids{0, 1, 2});
  CHECK(frequent.decode(Ids{0, 1}) == "<unk> b");
  // A word with the spelling of the unknown token becomes the unknown token.
  const auto spelled = WordTokenizer::fit("unk a unk unk", {.unk = "unk"});
  CHECK(spelled.vocabulary().tokens == std::vector<std::string>{"unk", "a"});
  CHECK(spelled.encode("a unk b") == Ids{1, 0, 0});
}

TEST_CASE("without an unknown token, an unknown word is named with its position") {
  const auto words = WordTokenizer::fit("\u00E9t\u00E9 a", {.unk = ""});
  CHECK(words.vocabulary().tokens == std::vector<std::string>{"a", "\u00E9t\u00E9"});
  CHECK_THAT(
      encode_error(words, "e\u0301te\u0301 a  b"),
      Catch::StartsWith(
          "text: expected words of the vocabulary, got 'b' at position 7 (in characters, from 0)"));
}

TEST_CASE("words are joined as people write them") {
  const std::string unchanged[] = {
      "Hello, world! How are you?",
      "It's (quite) [good]: 50% off; don't wait...",
      "He said: \"yes\", then \"no\".\nShe \"slept\".",
      "\u201CYes,\u201D \u00ABoui\u00BB \u2018so\u2019\u2026",
      "a well-known and/or snake_case word\u2014twice",
      "- one\n- two\n",
      "cost $5 or #1 @home",
      "\u00BFqu\u00E9? \u00A1s\u00ED!",
      "\U0001F44D\U0001F3FD \u2764\uFE0F 1\uFE0F\u20E3 ok",
      "\U0001F468\u200D\U0001F469\u200D\U0001F467 \u00B7 \U0001F1FB\U0001F1F3",
      "\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645",
      kVietnamese,
  };
  for (const std::string& text : unchanged) CHECK(joined(text) == text);
  CHECK(joined("  one\ttwo \r\n  three , 3.14") == "one two\nthree, 3. 14");
  CHECK(joined("\"open \n \"again\"") == "\"open\n\"again\"");
}

// The tokens are those that have no space around them or might join a neighbour: letters, marks of
// several classes, symbols that compose with marks, Hangul parts, quotes, emoji, numbers that look
// like emoji.
TEST_CASE("encode(decode(ids)) gives the same ids, except for the unknown token") {
  text::Vocabulary vocabulary{.type = "word", .nfc = true, .unk = "<unk>", .tokens = {"<unk>"}};
  for (const char* word : {"a", "don't", "e", "\u00E9", "\u4E2D", "12", "\u00BD", "\u1112",
                           "\u1161", "\u11AB", "\uD558", "\u0915\u093C", "\u00E6"}) {
    vocabulary.tokens.push_back(word);
  }
  const std::u32string single =
      U".,!?;:%'\"()[]{}\u2018\u2019\u201C\u201D\u00AB\u00BB\n-/_\u2010\u2014#$@\u00A1\u00BF"
      U"<=>\u00A8\u2190\u2203\u0301\u0302\u0323\u0327\u0338\u0345\u031B\u093C\u09BE\u09C7\u3099"
      U"\uFE0F\u20E3\u200C\u200D\uFEFF\U0001F600\U0001F3FD\U0001F1FB\U0001F100\u3002\u300C\u0001";
  for (const char32_t c : single) vocabulary.tokens.push_back(text::encode_utf8({&c, 1}));
  vocabulary.tokens.push_back(std::string(1, '\0'));
  const int64_t size = vocabulary.size();
  const WordTokenizer words(vocabulary);

  int64_t failures = 0;
  const auto check_ids = [&](const Ids& ids) {
    if (words.encode(words.decode(ids)) == ids) return;
    if (++failures == 1) FAIL_CHECK(Catch::Detail::stringify(tokens_of(words, ids)));
  };
  for (int64_t a = 1; a < size; ++a) {
    for (int64_t b = 1; b < size; ++b) {
      check_ids({a, b});
      for (int64_t c = 1; c < size; c += 1 + (a + b) % 3) check_ids({a, b, c});
    }
  }
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    Ids ids(random() % 50);
    for (auto& id : ids) id = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(size - 1));
    check_ids(ids);
  }
  CHECK(failures == 0);
}

TEST_CASE("a vocabulary with invalid tokens is refused") {
  const auto refuses = [](auto make) { CHECK_THROWS_AS(make(), ValueError); };
  refuses([] { CharTokenizer({.type = "char", .unk = "", .tokens = {}}); });
  refuses([] { CharTokenizer({.type = "char", .unk = "", .tokens = {"ab"}}); });
  refuses([] { CharTokenizer({.type = "char", .unk = "", .tokens = {"a", "a"}}); });
  refuses([] { CharTokenizer({.type = "char", .unk = "", .tokens = {"\xC3"}}); });
  refuses([] { CharTokenizer({.type = "char", .unk = "?", .tokens = {"a", "?"}}); });
  refuses([] { WordTokenizer({.type = "word", .unk = "", .tokens = {"a b"}}); });
  refuses([] { WordTokenizer({.type = "word", .unk = "", .tokens = {" "}}); });
}

// The text is so long that an algorithm of quadratic time would not end.
TEST_CASE("a megabyte of one character or of many words is encoded") {
  const std::string repeated(1 << 20, 'a');
  CHECK(CharTokenizer::fit(repeated).encode(repeated) == Ids(1 << 20, 0));
  CHECK(WordTokenizer::fit(repeated).encode(repeated) == Ids{1});
  std::string many;
  for (int i = 0; i < 300'000; ++i) many += i % 2 == 0 ? "'a " : "\u00E9\n";
  const auto words = WordTokenizer::fit(many);
  CHECK(words.vocab_size() == 5);
  CHECK(words.encode(many).size() == 600'000);
}
