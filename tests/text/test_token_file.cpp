// Tests token files, the batches drawn from them, and texts in pieces.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <set>

#include "framework/base/allocator.h"
#include "framework/io/file.h"
#include "models/text/text_pieces.h"
#include "models/text/token_file.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/unsaved_model.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using namespace vitro::text;
using Catch::Matchers::Contains;

namespace {

std::vector<std::string> pieces_of(const std::string& text, size_t size) {
  std::vector<std::string> all;
  TextPieces pieces(text, size);
  for (std::string_view piece; pieces.next(piece);) all.emplace_back(piece);
  return all;
}

std::vector<int64_t> ids_of(const TokenFile& file) {
  std::vector<int64_t> ids(static_cast<size_t>(file.size()));
  file.copy(0, ids);
  return ids;
}

// Makes a tokenizer of n words "w0 w1 ...", for large vocabularies.
WordTokenizer many_words(int64_t n) {
  std::string text;
  for (int64_t i = 0; i < n; ++i) text += std::to_string(i) + ' ';
  return WordTokenizer::fit(text, {.unk = ""});
}

}  // namespace

TEST_CASE("pieces: joined, they give the text, and they have the tokens of the text") {
  const std::string text = stories();
  const auto chars = CharTokenizer::fit(text);
  const auto words = WordTokenizer::fit(text);
  const auto bpe = BpeTokenizer::train(text, 400);
  for (size_t size : {1, 2, 7, 100, 5000, 1 << 20}) {
    std::string joined;
    std::vector<TokenId> char_ids, word_ids, bpe_ids;
    for (const std::string& piece : pieces_of(text, size)) {
      joined += piece;
      for (TokenId id : chars.encode(piece)) char_ids.push_back(id);
      for (TokenId id : words.encode(piece)) word_ids.push_back(id);
      for (TokenId id : bpe.encode(piece)) bpe_ids.push_back(id);
    }
    CHECK(joined == text);
    CHECK(char_ids == chars.encode(text));
    CHECK(word_ids == words.encode(text));
    CHECK(bpe_ids == bpe.encode(text));
  }
}

TEST_CASE("pieces: no cut splits a word or separates characters that compose") {
  CHECK(pieces_of("ab cd ef", 4) == std::vector<std::string>{"ab", " cd", " ef"});
  CHECK(pieces_of("a \u0301b c", 4) == std::vector<std::string>{"a", " \u0301b", " c"});
  CHECK(pieces_of("abcdefgh", 3) == std::vector<std::string>{"abcdefgh"});
  CHECK(pieces_of("", 3).empty());
  CHECK(pieces_of("ab\ncd\n", 4) == std::vector<std::string>{"ab", "\ncd\n"});
  // Runs of white space stay whole, whatever their characters are.  No cut follows invalid bytes.
  CHECK(pieces_of("ab  \n c", 3) == std::vector<std::string>{"ab", "  \n c"});
  CHECK(pieces_of("ab\u3000\u00A0 \u00E9 c", 3) ==
        std::vector<std::string>{"ab\u3000\u00A0 \u00E9", " c"});
  CHECK(pieces_of("\xA0 \xE4 b", 1) == std::vector<std::string>{"\xA0 \xE4 b"});
}

TEST_CASE("pieces: fitting a tokenizer to pieces or to the whole text gives the same") {
  const std::string text = stories();
  CHECK(CharTokenizer::fit(TextPieces(text, 50)).vocabulary_hash() ==
        CharTokenizer::fit(text).vocabulary_hash());
  CHECK(WordTokenizer::fit(TextPieces(text, 50)).vocabulary_hash() ==
        WordTokenizer::fit(text).vocabulary_hash());
  CHECK(CharTokenizer::fit("ab").vocabulary_hash() != CharTokenizer::fit("abc").vocabulary_hash());
  CHECK(CharTokenizer::fit("ab").vocabulary_hash() !=
        CharTokenizer::fit("ab", {.nfc = false}).vocabulary_hash());
  CHECK(CharTokenizer::fit("ab").vocabulary_hash() != WordTokenizer::fit("a b").vocabulary_hash());
}

TEST_CASE("token file: the ids of the text, in two bytes or four") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin", text = stories();
  const auto chars = CharTokenizer::fit(text);
  CHECK(write_token_file(path, chars, TextPieces(text, 1000)) ==
        static_cast<int64_t>(chars.encode(text).size()));
  const TokenFile file(path);
  CHECK(ids_of(file) == chars.encode(text));
  CHECK(file.vocab_size() == chars.vocab_size());
  CHECK(file.vocabulary_hash() == chars.vocabulary_hash());
  CHECK_NOTHROW(file.verify());
  CHECK_NOTHROW(file.slice(1, file.size() - 1).verify());
  CHECK(read_file(path).size() == 40 + 2 * static_cast<size_t>(file.size()));

  const auto words = many_words(65537);
  const std::string more = "65536 0 7";
  write_token_file(path, words, TextPieces(more));
  CHECK(ids_of(TokenFile(path)) == words.encode(more));
  CHECK(read_file(path).size() == 40 + 4 * 3);
}

TEST_CASE("token file: byte pairs beyond what two bytes hold") {
  // The vocabulary has a token for each pair of bytes.
  BpeVocabulary vocabulary = BpeTokenizer::train("x", 257).vocabulary();
  vocabulary.special.clear();
  vocabulary.tokens.pop_back();
  for (int32_t a = 0; a < 256; ++a)
    for (int32_t b = 0; b < 256; ++b) {
      vocabulary.merges.push_back({a, b, static_cast<int32_t>(vocabulary.size())});
      vocabulary.tokens.push_back(vocabulary.tokens[static_cast<size_t>(a)] +
                                  vocabulary.tokens[static_cast<size_t>(b)]);
    }
  const BpeTokenizer bpe(vocabulary);
  REQUIRE(bpe.vocab_size() == 65792);
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  const std::string text = "ab \xAD\xAD \u4F60";
  write_token_file(path, bpe, TextPieces(text));
  const std::vector<int64_t> ids = ids_of(TokenFile(path));
  CHECK(ids == bpe.encode(text));
  CHECK(*std::max_element(ids.begin(), ids.end()) == 65791);
  CHECK(bpe.decode(ids) == text);
}

TEST_CASE("token file: special tokens are found if allowed, also across the end of a piece") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin", end = BpeTokenizer::kEndOfText;
  const auto tokenizer = BpeTokenizer::train("one two three one two three", 270);
  const std::string text = end + "one two" + end + " three" + end + end + "\n";
  for (const std::vector<std::string>& allowed : {std::vector<std::string>{}, {end}}) {
    write_token_file(path, tokenizer, TextPieces(text, 5), allowed);
    const TokenFile file(path);
    std::vector<int64_t> ids(static_cast<size_t>(file.size()));
    file.copy(0, ids);
    CHECK(ids == tokenizer.encode(text, {.allowed_special = allowed}));
  }
  CHECK_THROWS_AS(write_token_file(path, CharTokenizer::fit(text), TextPieces(text), {end}),
                  ValueError);
}

TEST_CASE("token file: slice() returns a range") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  write_token_file(path, CharTokenizer::fit("abcdef"), TextPieces("abcdef"));
  const TokenFile part = TokenFile(path).slice(1, 5).slice(1, 3);
  CHECK(ids_of(part) == std::vector<int64_t>{2, 3});
  std::vector<int64_t> ids(2);
  CHECK_THROWS_AS(part.copy(1, ids), ShapeError);
  CHECK_THROWS_AS(part.copy(-1, ids), ShapeError);
  CHECK_THROWS_AS(part.slice(0, 3), ShapeError);
}

TEST_CASE("token file: other files are refused with the reason") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  write_token_file(path, CharTokenizer::fit("abc"), TextPieces("abcabc"));
  const std::string good = read_file(path);
  auto with = [&](size_t at, auto value) {
    std::string bytes = good;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return bytes;
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "expected at least 40 bytes, got 0"},
      {good.substr(0, 39), "expected at least 40 bytes, got 39"},
      {good.substr(0, good.size() - 1), "expected whole ids, got one that is cut off"},
      {"V" + good.substr(1), "expected it to begin with \"vitrotok\""},
      {with(8, uint32_t{2}), "expected version 1, got 2"},
      {with(12, uint32_t{4}), "expected 2 bytes per id, got 4"},
      {with(12, uint32_t{0}), "expected 2 bytes per id, got 0"},
      {with(16, uint64_t{0}), "expected a vocabulary of 1 to 2^32 tokens, got 0"},
      {with(16, ~uint64_t{0}), "2^32 tokens, got 18446744073709551615"},
      {with(16, uint64_t{65537}), "expected 4 bytes per id, got 2"}};
  for (const auto& [bytes, reason] : cases) {
    INFO(reason);
    CHECK_THROWS_WITH(TokenFile(std::string_view(bytes), "name"),
                      Contains("token file name: ") && Contains(reason));
  }
  const std::string strange = with(32, uint16_t{3});
  const TokenFile file(std::string_view(strange), "name");
  CHECK_THROWS_WITH(ids_of(file), Contains("expected ids below 3"));
  CHECK_THROWS_WITH(file.verify(), Contains("checksum"));
  CHECK_THROWS_AS(TokenFile(directory / "none"), IoError);
}

TEST_CASE("permutation: every number once, in another order for each seed and epoch") {
  for (uint64_t n : {1, 2, 3, 4, 5, 100, 1000, 4097}) {
    std::vector<uint64_t> seen;
    const models::Permutation order(n, 1, 0);
    for (uint64_t i = 0; i < n; ++i) seen.push_back(order(i));
    std::vector<uint64_t> sorted = seen, expected(n);
    std::sort(sorted.begin(), sorted.end());
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(sorted == expected);
    if (n < 100) continue;
    size_t fixed = 0, as_seed_2 = 0, as_epoch_1 = 0;
    for (uint64_t i = 0; i < n; ++i) {
      fixed += seen[i] == i;
      as_seed_2 += models::Permutation(n, 2, 0)(i) == seen[i];
      as_epoch_1 += models::Permutation(n, 1, 1)(i) == seen[i];
    }
    CHECK(fixed < 10);
    CHECK(as_seed_2 < 10);
    CHECK(as_epoch_1 < 10);
  }
}

TEST_CASE("batches: every window once per epoch, targets shifted by one, resumable anywhere") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c) text += c;
  write_token_file(path, CharTokenizer::fit(text), TextPieces(text));  // ids 0 .. 25
  models::NextTokenBatches batches(TokenFile(path), 3, 5, 7);
  CHECK(batches.windows() == 21);
  std::multiset<int64_t> starts;
  std::vector<std::vector<int64_t>> order;
  for (int i = 0; i < 14; ++i) {  // two epochs
    CHECK(batches.position() == static_cast<uint64_t>(3 * i));
    auto [ids, targets] = batches.next();
    CHECK(ids.shape() == Shape{3, 5});
    order.emplace_back(ids.data<int64_t>(), ids.data<int64_t>() + 15);
    for (int64_t b = 0; b < 3; ++b) {
      starts.insert(ids[b][0].item<int64_t>());
      for (int64_t t = 0; t < 5; ++t) {
        CHECK(ids[b][t].item<int64_t>() == ids[b][0].item<int64_t>() + t);
        CHECK(targets[b][t].item<int64_t>() == ids[b][t].item<int64_t>() + 1);
      }
    }
  }
  for (int64_t start = 0; start < 21; ++start) CHECK(starts.count(start) == 2);
  CHECK(order[0] != order[7]);
  models::NextTokenBatches resumed(TokenFile(path), 3, 5, 7);
  resumed.set_position(12);
  Tensor ids = resumed.next().ids;
  CHECK(std::vector<int64_t>(ids.data<int64_t>(), ids.data<int64_t>() + 15) == order[4]);
  CHECK_THROWS_WITH(models::NextTokenBatches(TokenFile(path), 1, 26, 0),
                    Contains("more than block_size (26) tokens, got 26"));
  CHECK_THROWS_AS(models::NextTokenBatches(TokenFile(path), 0, 1, 0), ValueError);
  CHECK_THROWS_AS(models::NextTokenBatches(TokenFile(path), 1, 0, 0), ValueError);
}

TEST_CASE("evaluate: the loss of every token but the first, in eval mode") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin", text = stories().substr(0, 1000);
  const auto tokenizer = CharTokenizer::fit(text);
  write_token_file(path, tokenizer, TextPieces(text));
  models::MiniLM model({.vocab_size = tokenizer.vocab_size(), .dropout = 0.5});
  const TokenFile tokens(path);
  const auto ids = tokenizer.encode(text);
  NoGradGuard unrecorded;
  model.eval();
  Tensor all = from_span(ids);
  const int64_t n = all.numel() - 1;
  const double expected =
      cross_entropy(model(all.narrow(0, 0, n)).to(kFloat64), all.narrow(0, 1, n)).item();
  model.train();
  for (int64_t block : {1, 7, 64, 5000}) {
    const auto result = models::evaluate(model, tokens, block);
    CHECK(result.tokens == n);
    CHECK(result.loss() == Approx(expected).epsilon(1e-5));
  }
  CHECK(model.is_training());
  CHECK(models::evaluate(model, tokens, 64, 100).tokens == 100);
  CHECK_THROWS_AS(models::evaluate(model, tokens.slice(0, 1), 64), ValueError);
  CHECK_THROWS_WITH(models::evaluate(model, tokens, 0),
                    "evaluate: expected a block_size and most_tokens of at least 1, got 0 and " +
                        std::to_string(INT64_MAX));
  CHECK_THROWS_AS(models::evaluate(model, tokens, 64, 0), ValueError);
  nn::ScopedHook fails(model.register_forward_hook(
      [](nn::Module&, const Tensor&, const Tensor&) -> Tensor { throw ValueError("no"); }));
  CHECK_THROWS_WITH(models::evaluate(model, tokens, 64), Contains("no"));
  CHECK(model.is_training());
}

TEST_CASE("evaluate: with a large vocabulary, a batch has fewer tokens") {
  constexpr int64_t kVocabulary = int64_t{1} << 20;
  struct Even : UnsavedModel {  // all tokens are equally likely
    std::vector<int64_t> rows;
    Even() : UnsavedModel(kVocabulary) {}
    Tensor forward(const Tensor& ids) override {
      rows.push_back(ids.size(0));
      return expand(zeros({1, 1, kVocabulary}), {ids.size(0), ids.size(1), kVocabulary});
    }
  } model;
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  write_token_file(path, CharTokenizer::fit("ab"), TextPieces(std::string(29, 'a')));
  const auto result = models::evaluate(model, TokenFile(path), 4);
  CHECK(model.rows == std::vector<int64_t>{4, 3});  // 16 tokens have 2^24 logits
  CHECK(result.loss() == Approx(std::log(kVocabulary)));
}

TEST_CASE("evaluate: a GPT stores no more logits of a window than its loss does") {
  models::GPT model(
      {.block_size = 112, .vocab_size = 600'000, .n_layer = 1, .n_head = 1, .n_embd = 2},
      models::InitialValues::kNone);
  for (const Tensor& p : model.parameters()) p.detach().fill_(0);  // all tokens equally likely
  REQUIRE(112 * 600'000 > models::GPT::kMostLogits);
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.bin";
  write_token_file(path, CharTokenizer::fit("ab"), TextPieces(std::string(113, 'a')));
  // The ballast raises the live bytes to the highest peak so far, so that the peak shows every byte
  // that is allocated from here on.
  const MemoryStats before = memory_stats();
  const Tensor ballast = empty({std::max<int64_t>(0, before.peak - before.live)}, kUInt8);
  const int64_t start = memory_stats().live;
  CHECK(models::evaluate(model, TokenFile(path), 112).loss() ==
        Approx(std::log(600'000)).epsilon(1e-4));
  CHECK(memory_stats().peak - start < 16 << 20);
}

TEST_CASE("model file: a configuration survives JSON, and invalid ones are refused") {
  const models::MiniLMConfig config{.vocab_size = 127,
                                    .n_embd = 3,
                                    .n_hidden = 4,
                                    .context = 5,
                                    .activation = Activation::kSilu,
                                    .dropout = 0.1};
  const std::string json = models::to_json(config);
  CHECK(models::to_json(models::mini_lm_config(json)) == json);
  auto replaced = [&](const std::string& what, const std::string& by) {
    std::string changed = json;
    return changed.replace(changed.find(what), what.size(), by);
  };
  for (const std::string& bad :
       {std::string("[]"), std::string("{"), replaced("127", "0"), replaced("127", "1.5"),
        replaced("127", "99999999999999"), replaced("silu", "swish"), replaced("mini", "gpt"),
        replaced("0.1", "1"), replaced("n_embd", "embd"), replaced("\"context\":5,", "")})
    CHECK_THROWS_AS(models::mini_lm_config(bad), IoError);
}
