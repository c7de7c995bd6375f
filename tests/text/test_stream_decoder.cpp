// Tests that ids that arrive one by one become text in whole code points.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "framework/base/error.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/char/char_tokenizer.h"
#include "models/text/stream_decoder.h"
#include "models/text/unicode/utf8.h"
#include "models/text/word/word_tokenizer.h"

using namespace vitro;
using namespace vitro::text;
using Ids = std::vector<TokenId>;
using Pieces = std::vector<std::string>;

namespace {

// A tokenizer whose only ordinary tokens are the 256 bytes.
const BpeTokenizer& bytes() {
  static const BpeTokenizer tokenizer = BpeTokenizer::train("x", 257);
  return tokenizer;
}

// Returns the text that each byte adds, and at the end the text of flush().
Pieces streamed(std::string_view text) {
  StreamDecoder stream(bytes());
  Pieces pieces;
  for (const TokenId id : bytes().encode(text)) pieces.push_back(stream.next(id));
  pieces.push_back(stream.flush());
  return pieces;
}

// Returns whether the pieces after a prompt are whole code points and together give the text.
bool is_streamed(const Tokenizer& tokenizer, const Ids& prompt, const Ids& ids) {
  StreamDecoder stream(tokenizer, prompt);
  std::string all;
  for (const TokenId id : ids) {
    const std::string piece = stream.next(id);
    if (end_of_valid_utf8(piece, 0) != piece.size()) return false;
    all += piece;
  }
  all += stream.flush();
  Ids whole = prompt;
  whole.insert(whole.end(), ids.begin(), ids.end());
  return all == to_valid_utf8(tokenizer.decode(whole).substr(tokenizer.decode(prompt).size()));
}

}  // namespace

TEST_CASE("stream: the beginning of a character is held back") {
  CHECK(streamed("a\u00E9\U0001F600") == Pieces{"a", "", "\u00E9", "", "", "", "\U0001F600", ""});
  CHECK(streamed("\xE4\xBD") == Pieces{"", "", "\uFFFD"});
  CHECK(streamed("\xF0\x9F"
                 "a") == Pieces{"", "",
                                "\uFFFD"
                                "a",
                                ""});
  CHECK(streamed("\xFF\x80\xC0") == Pieces{"\uFFFD", "\uFFFD", "\uFFFD", ""});
  CHECK(streamed("\xED\xA0\x80") == Pieces{"", "\uFFFD\uFFFD", "\uFFFD", ""});
  CHECK(streamed("\xE4\xE4\xBD\xA0") == Pieces{"", "\uFFFD", "", "\u4F60", ""});
  CHECK(streamed("") == Pieces{""});
}

TEST_CASE("stream: it continues after flush(), and a prompt may end within a character") {
  StreamDecoder stream(bytes());
  CHECK(stream.next(bytes().encode("\xE4")[0]) == "");
  CHECK(stream.flush() == "\uFFFD");
  CHECK(stream.flush() == "");
  CHECK(stream.next(bytes().encode("a")[0]) == "a");
  const Ids ids = bytes().encode("\u4F60");
  StreamDecoder behind(bytes(), std::span(ids).first(2));
  CHECK(behind.next(ids[2]) == "\u4F60");
}

TEST_CASE("stream: an invalid id changes nothing") {
  StreamDecoder stream(bytes());
  const Ids ids = bytes().encode("\u00E9");
  stream.next(ids[0]);
  CHECK_THROWS_AS(stream.next(257), ValueError);
  CHECK_THROWS_AS(stream.next(-1), ValueError);
  CHECK(stream.next(ids[1]) == "\u00E9");
}

TEST_CASE("stream: the joined pieces are the text, with every tokenizer") {
  const std::string text =
      "She said: \"yes\", then \"no\".\n\u4F60\u597D \U0001F468\u200D\U0001F469 (don't)! "
      "\u00E9t\u00E9";
  const auto chars = CharTokenizer::fit(text);
  const auto words = WordTokenizer::fit(text);
  const auto bpe = BpeTokenizer::train(text + text + text, 300);
  std::mt19937_64 random(2);
  for (const Tokenizer* tokenizer :
       {static_cast<const Tokenizer*>(&chars), static_cast<const Tokenizer*>(&words),
        static_cast<const Tokenizer*>(&bpe)}) {
    CAPTURE(tokenizer->kind());
    CHECK(is_streamed(*tokenizer, {}, tokenizer->encode(text)));
    const Ids ids = tokenizer->encode(text);
    for (size_t cut = 0; cut < ids.size(); ++cut)
      if (bpe.kind() != tokenizer->kind() ||
          end_of_valid_utf8(tokenizer->decode(std::span(ids).first(cut)), 0) ==
              tokenizer->decode(std::span(ids).first(cut)).size())
        CHECK(is_streamed(*tokenizer, Ids(ids.begin(), ids.begin() + cut),
                          Ids(ids.begin() + cut, ids.end())));
  }
  for (int round = 0; round < 200; ++round) {
    Ids ids(random() % 60);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % 257);
    if (!is_streamed(bytes(), {}, ids)) FAIL_CHECK(Catch::Detail::stringify(ids));
  }
}

TEST_CASE("stream: lines longer than the limit") {
  Ids ids;
  for (int i = 0; i < 1500; ++i)
    ids.push_back(bytes().encode("\u4F60\n")[static_cast<size_t>(i % 3)]);
  CHECK(is_streamed(bytes(), {}, ids));
  const auto words = WordTokenizer::fit("a b");
  CHECK(is_streamed(words, Ids(700, 1), Ids(20, 2)));
}
