// Tests how merges are learnt from text.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "tests/support/bpe_reference.h"
#include "tests/support/paths.h"

using namespace vitro;
using namespace vitro::text;
using namespace vitro::testing;

namespace {

void check_same(const BpeVocabulary& a, const BpeVocabulary& b) {
  CHECK(a.tokens == b.tokens);
  CHECK(a.special == b.special);
  REQUIRE(a.merges.size() == b.merges.size());
  for (size_t i = 0; i < a.merges.size(); ++i) {
    CHECK(a.merges[i].left == b.merges[i].left);
    CHECK(a.merges[i].right == b.merges[i].right);
    CHECK(a.merges[i].result == b.merges[i].result);
  }
  CHECK(a.hash() == b.hash());
}

}  // namespace

TEST_CASE("train: the tokens equal a reference that counts all pairs again after each merge") {
  const std::string texts[] = {
      stories().substr(0, 4000),
      "aaaa aaaaaaa aaa a aaaaa aaaaaaaaaaaaaaaaaaaaaaaaa",
      "abababab cabcab bcabca ababa aab abb baab",
      "\u4F60\u597D\u4F60\u597D\u4E16\u754C\u4F60 \xFF\xFE\xFF\xFE \u4E16\u4E16",
  };
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 60));
    for (const int64_t size : {257, 260, 330})
      check_same(BpeTokenizer::train(text, size).vocabulary(), reference_train(text, size));
  }
}

TEST_CASE("train: ids are first bytes, then merges in the learnt order, then special tokens") {
  const auto bpe = BpeTokenizer::train("low low lower lowest", 261);
  CHECK(bpe.vocab_size() == 261);
  CHECK(bpe.token(0) == "!");
  CHECK(bpe.token(255) == "\\xAD");
  // "lo" and "ow" occur four times each.  "lo" is merged first because l has the lower id.
  CHECK(bpe.token(256) == "lo");
  CHECK(bpe.token(257) == "low");
  CHECK(bpe.token(258) == " low");
  CHECK(bpe.token(259) == " lowe");
  CHECK(bpe.token(260) == "<|endoftext|>");
  CHECK(bpe.decode(bpe.encode("slow lowest")) == "slow lowest");
}

TEST_CASE("train: options") {
  // Pairs that occur once are merged only if min_count is 1.
  CHECK(BpeTokenizer::train("abc", 300).vocab_size() == 257);
  CHECK(BpeTokenizer::train("abc", 300, {.min_count = 1}).vocab_size() == 259);
  CHECK(BpeTokenizer::train("abab", 300, {.special_tokens = {}}).vocab_size() == 257);
  // No merge is learnt from the text of a special token.
  const std::string documents = "<|endoftext|>ab<|endoftext|>ab<|endoftext|>";
  const auto bpe = BpeTokenizer::train(documents, 300);
  CHECK(bpe.vocab_size() == 258);
  CHECK(bpe.token(256) == "ab");
  std::vector<int64_t> seen;
  BpeTokenizer::train(stories(), 300, {.on_progress = [&](int64_t tokens, int64_t vocab_size) {
                        CHECK(vocab_size == 300);
                        seen.push_back(tokens);
                      }});
  REQUIRE(seen.size() == 43);
  CHECK(seen.front() == 258);
  CHECK(seen.back() == 300);
}

TEST_CASE("train: invalid arguments are refused") {
  CHECK_THROWS_WITH(BpeTokenizer::train("", 300), "train: expected a text, got an empty one");
  CHECK_THROWS_WITH(BpeTokenizer::train("a", 256),
                    "train: expected a vocab_size of at least 257, for 256 bytes and 1 special "
                    "tokens, got 256");
  for (const int64_t size : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX})
    CHECK_THROWS_AS(BpeTokenizer::train("a", size), ValueError);
  CHECK_THROWS_AS(BpeTokenizer::train("a", 300, {.min_count = 0}), ValueError);
  for (const char* token : {"", "a", "a b", "\u00E9\u00E9", "a\n"})
    CHECK_THROWS_AS(BpeTokenizer::train("a", 300, {.special_tokens = {token}}), ValueError);
  CHECK_THROWS_AS(BpeTokenizer::train("a", 300, {.special_tokens = {"<a>", "<a>"}}), ValueError);
}

// The text is one piece of a quarter of a megabyte.  This is fast only if each merge visits only
// the places of its pair.
TEST_CASE("train: merges are learnt from a text without spaces") {
  std::string text;
  uint32_t state = 1;
  for (int i = 0; i < (1 << 18); ++i) text += "acgt"[(state = state * 1664525 + 1013904223) >> 30];
  const auto bpe = BpeTokenizer::train(text, 1000);
  CHECK(bpe.vocab_size() == 1000);
  CHECK(bpe.decode(bpe.encode(text)) == text);
}
