// Tests that BPE vocabularies survive their files, and that hostile files are refused.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/char/char_tokenizer.h"
#include "tests/support/process.h"

using namespace vitro;
using namespace vitro::text;
using namespace vitro::testing;
namespace fs = std::filesystem;

namespace {

// A tokenizer of 256 bytes, "ab" (256), "abab" (257), "<|endoftext|>" (258).
const BpeTokenizer& small() {
  static const BpeTokenizer tokenizer = BpeTokenizer::train("abab abab", 259);
  return tokenizer;
}

// Returns `good` with its first `from` replaced.
std::string with(std::string good, const std::string& from, const std::string& to) {
  const size_t at = good.find(from);
  CAPTURE(from);
  REQUIRE(at != std::string::npos);
  return good.replace(at, from.size(), to);
}

std::string load_error(const std::string& path) {
  try {
    BpeTokenizer::load(path);
  } catch (const IoError& error) { return error.what(); }
  return "no error";
}

struct Hostile {
  std::string bytes, reason;
};

// Checks that the file with each of these contents is refused, by a short message that names it.
void check_refused(const TemporaryDirectory& directory, const std::string& name,
                   const std::vector<Hostile>& cases) {
  const std::string path = directory / name, good = read_file(path);
  for (const Hostile& c : cases) {
    directory.write(name, c.bytes);
    const std::string message = load_error(path);
    CAPTURE(name, c.bytes.substr(0, 100), message);
    CHECK_THAT(message, Catch::Contains(directory / "") && Catch::Contains(name) &&
                            Catch::Contains(c.reason));
    CHECK(message.size() < 2 * path.size() + 400);
  }
  directory.write(name, good);
}

}  // namespace

TEST_CASE("bpe files: a saved tokenizer is loaded unchanged, from each of its files") {
  const TemporaryDirectory directory;
  const std::string folder = directory / "saved";
  small().save_pretrained(folder);
  const std::string text = "abab <|endoftext|> \xFF\u4F60";
  for (const std::string name : {"", "/tokenizer.json", "/vocab.json", "/merges.txt"}) {
    CAPTURE(name);
    const BpeTokenizer loaded = BpeTokenizer::load(folder + name);
    CHECK(loaded.vocabulary_hash() == small().vocabulary_hash());
    CHECK(loaded.special_tokens() == small().special_tokens());
    CHECK(loaded.encode(text) == small().encode(text));
    CHECK(loaded.to_json() == small().to_json());
    const auto any = load_tokenizer(folder + name);
    CHECK(any->kind() == "bpe");
    CHECK(any->vocabulary_hash() == small().vocabulary_hash());
  }
  // The files may also have the names that GPT-2's own files have.
  fs::create_directory(directory / "original");
  fs::copy(folder + "/vocab.json", directory / "original/encoder.json");
  fs::copy(folder + "/merges.txt", directory / "original/vocab.bpe");
  for (const std::string name : {"original", "original/encoder.json", "original/vocab.bpe"})
    CHECK(load_tokenizer(directory / name)->vocabulary_hash() == small().vocabulary_hash());
  // Checkpoints hold the tokenizer as JSON, which is parsed from memory.
  const auto parsed = parse_tokenizer(small().to_json(), "memory");
  CHECK(parsed->kind() == "bpe");
  CHECK(parsed->to_json() == small().to_json());
  small().save(directory / "one.json");
  CHECK(load_tokenizer(directory / "one.json")->vocabulary_hash() == small().vocabulary_hash());
  CHECK_THROWS_AS(CharTokenizer::load(directory / "one.json"), IoError);
}

TEST_CASE("bpe files: a tokenizer_config.json is kept if the vocabulary is the same") {
  const TemporaryDirectory directory;
  const std::string folder = directory / "saved", config = "saved/tokenizer_config.json";
  small().save_pretrained(folder);
  const std::string plain = vitro::read_file(directory / config),
                    rich = R"({"model_max_length": 1024})";
  directory.write(config, rich);
  small().save_pretrained(folder);
  CHECK(vitro::read_file(directory / config) == rich);
  BpeTokenizer::train("other text, other text", 260).save_pretrained(folder);
  CHECK(vitro::read_file(directory / config) == plain);
}

TEST_CASE("bpe files: the bytes of the files are always the same") {
  CHECK(bpe_ids_json(small().vocabulary()).starts_with("{\n\"!\": 0,\n\"\\\"\": 1,\n\"#\": 2,\n"));
  CHECK(bpe_ids_json(small().vocabulary())
            .ends_with(
                "\"\u0143\": 255,\n\"ab\": 256,\n\"abab\": 257,\n\"<|endoftext|>\": 258\n}\n"));
  CHECK(bpe_merges_text(small().vocabulary()) == "#version: 0.2\na b\nab ab\n");
  CHECK_THAT(small().to_json(),
             Catch::Contains(R"({"id": 258, "content": "<|endoftext|>", "single_word": false)") &&
                 Catch::Contains("\"merges\": [\n\"a b\",\n\"ab ab\"]}"));
}

TEST_CASE("bpe files: the forms of tokenizer.json that other programs write") {
  const std::string good = small().to_json();
  const auto same = [&](const std::string& json) {
    return BpeTokenizer(parse_tokenizer_json(json, "json")).vocabulary_hash() ==
           small().vocabulary_hash();
  };
  CHECK(same(good));
  // These files mean the same: merges as pairs, no type, as in GPT-2's own file, fields left out or
  // null, the special token outside of the vocabulary.
  CHECK(same(with(with(good, "\"a b\"", "[\"a\", \"b\"]"), "\"ab ab\"", "[\"ab\",\"ab\"]")));
  CHECK(same(with(good, R"("type": "BPE", )", "")));
  CHECK(same(with(good, R"(, "byte_fallback": false, "ignore_merges": false)", "")));
  CHECK(same(with(good, R"("unk_token": null)", R"("unk_token": "<|endoftext|>")")));
  CHECK(same(
      with(good, R"("continuing_subword_prefix": "")", R"("continuing_subword_prefix": null)")));
  CHECK(same(with(good, ",\n\"<|endoftext|>\": 258", "")));
  // Settings of batches are ignored.
  CHECK(same(with(good, "\"truncation\": null", R"("truncation": {"direction": "Right",
      "max_length": 512, "strategy": "LongestFirst", "stride": 0})")));
  CHECK(same(with(good, "\"padding\": null", R"("padding": {"strategy": {"Fixed": 8},
      "pad_to_multiple_of": null, "pad_id": -1, "pad_type_id": 0.5, "pad_token": "<pad>",
      "ids": [1, true]})")));
  const auto padded = BpeTokenizer(parse_tokenizer_json(
      with(good, "\"special\": true}",
           "\"special\": true},\n{\"id\": 259, \"content\": \"<pad \u4F60>\", \"special\": true}"),
      "json"));
  CHECK(padded.vocab_size() == 260);
  CHECK(padded.special_tokens().at("<pad \u4F60>") == 259);
  CHECK(padded.decode(std::vector<TokenId>{259, 256}) == "<pad \u4F60>ab");
  CHECK(parse_tokenizer(padded.to_json(), "json")->to_json() == padded.to_json());
}

TEST_CASE("bpe files: hostile vocabularies are refused") {
  const TemporaryDirectory directory;
  const std::string folder = directory / "saved";
  small().save_pretrained(folder);
  fs::remove(folder + "/tokenizer.json");
  fs::remove(folder + "/tokenizer_config.json");  // it names a token that some files below lack
  REQUIRE(load_error(folder) == "no error");
  const std::string good = read_file(folder + "/vocab.json");
  check_refused(
      directory, "saved/vocab.json",
      {
          {"", "unexpected end of input"},
          {good.substr(0, good.size() - 3), "unexpected end of input"},
          {good + "x", "invalid literal"},
          {good + std::string(1, '\0'), "NUL byte"},
          {"\xEF\xBB\xBF" + good, "byte order mark"},
          {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "parse error"},
          {"[]", "expected an object, got an array"},
          {"7", "expected an object, got a number"},
          {std::string(1'000'000, '['), "expected an object, got an array"},
          {"{}", "in merge 0, got \"a\""},
          {with(good, "\"ab\": 256", "\"ab\": \"256\""),
           "expected an id for token \"ab\", got a text"},
          {with(good, "\"ab\": 256", "\"ab\": [256]"),
           "expected an id for token \"ab\", got an array"},
          {with(good, "\"ab\": 256", "\"ab\": {}"),
           "expected an id for token \"ab\", got an object"},
          {with(good, "\"ab\": 256", "\"ab\": null"), "expected an id for token \"ab\", got null"},
          {with(good, "\"ab\": 256", "\"ab\": -256"), "for token \"ab\", got a negative number"},
          {with(good, "\"ab\": 256", "\"ab\": 256.0"), "for token \"ab\", got a fraction"},
          {with(good, "\"ab\": 256", "\"ab\": 18446744073709551616"), "a fraction"},
          {with(good, "\"ab\": 256", "\"ab\": 259"), "ids from 0 to 258 without a gap"},
          {with(good, "\"ab\": 256", "\"ab\": 4294967552"), "ids from 0 to 258"},
          {with(good, "\"ab\": 256", "\"ab\": 18446744073709551615"), "ids from 0 to 258"},
          {with(good, "\"ab\": 256", "\"ab\": 257"), "expected each id once, got 257 twice"},
          {with(good, "\"ab\": 256", "\"ab\": 256, \"ab\": 259"),
           "expected each token once, got \"ab\" twice"},
          {with(good, "\"ab\": 256", "\"ab\": 256, \"\\u0061b\": 259"),
           "expected each token once, got \"ab\" twice"},
          {with(good, "\"!\": 0", "\"!!\": 0"), "expected a token for each byte, got none for '!'"},
          {with(good, "\"<|endoftext|>\"", "\"\""), "expected bytes for token 258, got none"},
          {with(good, "\"ab\": 256", "\"a b\": 256"), "of the byte table, got ' '"},
          {with(good, "\"ab\": 256", "\"\u4F60\": 256"), "of the byte table, got '\u4F60'"},
          {with(good, "\"ab\": 256", "\"\\u0000\": 256"), "of the byte table, got U+0000"},
          {with(good, "\"ab\": 256", "\"\xED\xA0\x80\": 256"), "begins a surrogate"},
          {with(good, "\"ab\": 256", "\"\xC3\": 256"), "cut short"},
          {with(good, "\"ab\": 256", "\"" + std::string(100'000, 'x') + "\": 1.5"), "xxx..."},
          // The merges need the token "ab".
          {with(good, "\"ab\": 256", "\"ba\": 256"), "in merge 0, got \"ab\""},
      });
}

TEST_CASE("bpe files: hostile merges are refused") {
  const TemporaryDirectory directory;
  const std::string folder = directory / "saved";
  small().save_pretrained(folder);
  fs::remove(folder + "/tokenizer.json");
  fs::remove(folder + "/tokenizer_config.json");  // it names a token that some files below lack
  const std::string good = read_file(folder + "/merges.txt");
  // These files are valid: one line end more or less, Windows' line ends, no version.
  for (const std::string& bytes : {good + "\n", good.substr(0, good.size() - 1),
                                   std::string("a b\r\nab ab\r\n"), std::string("a b\nab ab")}) {
    directory.write("saved/merges.txt", bytes);
    CHECK(BpeTokenizer::load(folder).vocabulary_hash() == small().vocabulary_hash());
  }
  directory.write("saved/merges.txt", good);
  check_refused(directory, "saved/merges.txt",
                {
                    {"a b\nabab", "line 2: expected two tokens with one space"},
                    {"a  b\n", "line 1: expected two tokens"},
                    {" a b\n", "line 1: expected two tokens"},
                    {"a b \n", "line 1: expected two tokens"},
                    {"a b c\n", "line 1: expected two tokens"},
                    {"#version: 0.2\n\na b\nab ab\n", "line 2: expected two tokens"},
                    {"a b\n#version: 0.2\n", "merge 1"},
                    {std::string(100'000, 'a'), "aaa...\""},
                    {"a \xFF\n", "byte 0xFF at offset 2"},
                    {"version https://git-lfs.github.com/spec/v1\n", "merge 0"},
                    {"a zz\n", "in merge 0, got \"zz\""},
                    {"a \u4F60\n", "in merge 0, got \"\u4F60\""},
                    {"b a\n", "in merge 0, got \"ba\""},
                    {"a b\na b\n", "expected each merge once, got 'a' and 'b' again as merge 1"},
                    // The first merge needs the result of the second.
                    {"ab ab\na b\n", "in merge 0, got 'ab'"},
                    {"<|endoftext|> a\n", "in merge 0, got \"<|endoftext|>a\""},
                });
  // Two merges may make the same token.  The one of lower rank is made first.
  const std::string ids = read_file(folder + "/vocab.json");
  directory.write("saved/vocab.json", with(with(ids, "\"abab\": 257", "\"bab\": 257"),
                                           "\"<|endoftext|>\": 258", "\"abab\": 258"));
  directory.write("saved/merges.txt", "a b\nb ab\na bab\nab ab\n");
  CHECK(BpeTokenizer::load(folder).encode("ababbab") == std::vector<TokenId>{258, 257});
}

TEST_CASE("bpe files: settings that give other tokens than GPT-2 are refused") {
  const TemporaryDirectory directory;
  const std::string good = small().to_json();
  directory.write("tokenizer.json", good);
  const std::string split = R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false)";
  const std::string added = R"({"id": 258, "content": "<|endoftext|>", "single_word": false)";
  check_refused(
      directory, "tokenizer.json",
      {
          {"", "unexpected end of input"},
          {"[]", "expected an object, got an array"},
          {"{}", "expected a value for model.vocab, got none"},
          {with(good, "{", "{\"\": 1,"), "got 1 for "},
          {with(good, "{", "{\"" + std::string(100'000, 'k') + "\": 1,"), "kkk..."},
          {with(good, "\"1.0\"", std::string(1'000'000, '[')), "got an array for version"},
          {with(good, "\"normalizer\": null", R"("normalizer": {"type": "NFC"})"),
           "got an object for normalizer"},
          {with(good, "\"padding\": null", "\"padding\": " + std::string(8, '[')),
           "expected at most 8 levels"},
          {with(good, split, R"("pre_tokenizer": {"type": "Whitespace")"),
           "expected \"ByteLevel\"|\"Sequence\" for pre_tokenizer.type, got \"Whitespace\""},
          {with(good, split, R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [])"),
           "expected a value for pre_tokenizer.pretokenizers[0].type, got none"},
          {with(good, R"("use_regex": true)", R"("use_regex": false)"),
           "expected true for pre_tokenizer.use_regex, got false"},
          {with(good, "\"pre_tokenizer\"", "\"decoder\": null, \"was\""), "was"},
          {with(good, R"("post_processor": {"type": "ByteLevel")",
                R"("post_processor": {"type": "BertProcessing")"),
           "expected \"ByteLevel\"|\"TemplateProcessing\"|\"Sequence\" for post_processor.type"},
          {with(good, "\"BPE\"", "\"WordPiece\""),
           "expected \"BPE\" for model.type, got \"WordPiece\""},
          {with(good, "\"dropout\": null", "\"dropout\": 0.1"), "got a fraction for model.dropout"},
          {with(good, R"("end_of_word_suffix": "")", R"("end_of_word_suffix": "</w>")"),
           "for model.end_of_word_suffix, got \"</w>\""},
          {with(good, R"("ignore_merges": false)", R"("ignore_merges": true)"),
           "expected false for model.ignore_merges, got true"},
          {with(good, R"("ignore_merges": false)", R"("polish": false)"),
           "got false for model.polish"},
          {with(good, "\"version\": \"1.0\"", "\"version\": \"1.0\", \"version\": \"1.0\""),
           "expected each field once, got \"version\" twice"},
          {with(good, R"("fuse_unk": false)", R"("fuse_unk": false, "fuse_un\u006b": false)"),
           "expected each field once, got \"fuse_unk\" twice"},
          // Added tokens.
          {with(good, "\"special\": true", "\"special\": 1"),
           "expected false|true for added_tokens[].special, got 1"},
          {with(good, "\"single_word\": false", "\"single_word\": true"),
           "expected false for added_tokens[].single_word"},
          {with(good, added, R"({"content": "<|endoftext|>", "single_word": false)"),
           "expected id, content and special"},
          {with(good, added, R"({"id": 258, "single_word": false)"),
           "expected id, content and special"},
          {with(good, added, with(added, "258", "-1")),
           "got a negative number for added_tokens[].id"},
          {with(good, added, with(added, "258", "257")), "expected id 258 for the added token"},
          {with(good, added, with(added, "<|endoftext|>", "<|other|>")),
           "expected each id once, got 258 twice"},
          {with(good, added, with(with(added, "<|endoftext|>", "ab"), "258", "256")),
           "expected special tokens that are neither bytes nor results of merges, got 'ab'"},
          {with(good, "\"special\": true}",
                R"("special": true}, {"id": 258, "content": "<|endoftext|>", "special": true})"),
           "expected each added token once, got '<|endoftext|>' twice"},
          // Vocabulary and merges.
          {with(good, "\"ab\": 256", "\"ab\": true"), "expected an id for token \"ab\", got true"},
          {with(good, "\"ab\": 256", "\"ab\": 255"), "expected each id once, got 255"},
          {with(good, "\"ab\": 256", "\"ab\": 256, \"ab\": 256"),
           "expected each field once, got \"ab\" twice"},
          {with(good, "\"a b\"", "\"ab\""),
           "expected two tokens with one space between in each merge, got \"ab\""},
          {with(good, "\"a b\"", "\"a b c\""), "expected two tokens with one space"},
          {with(good, "\"a b\"", "[\"a\"]"), "expected two tokens in each merge"},
          {with(good, "\"a b\"", "[\"a\", \"b\", \"c\"]"), "expected two tokens in each merge"},
          {with(good, "\"a b\"", "[]"), "expected two tokens in each merge"},
          {with(good, "\"a b\"", "[1, 2]"), "got 1 for model.merges[][]"},
          {with(good, "\"a b\"", "[[\"a\", \"b\"]]"), "got an array for model.merges[][]"},
          {with(good, "\"a b\"", "{\"a\": \"b\"}"), "got an object for model.merges[]"},
          {with(good, "\"a b\"", "null"), "got null for model.merges[]"},
          {with(good, "\"a b\"", "\"a zz\""), "in merge 0, got \"zz\""},
          {with(good, "\"a b\"", "\"\xC3 b\""), "cut short"},
      });
}

TEST_CASE("bpe files: if tokenizer.json is refused, the other files may be read without it") {
  const TemporaryDirectory directory;
  small().save_pretrained(directory / "gpt2");
  directory.write("gpt2/tokenizer.json", with(small().to_json(), "\"BPE\"", "\"WordPiece\""));
  CHECK_THAT(
      load_error(directory / "gpt2"),
      Catch::Contains("\"WordPiece\"; remove tokenizer.json to read vocab.json and merges.txt"));
  fs::remove(directory / "gpt2/tokenizer.json");
  CHECK(BpeTokenizer::load(directory / "gpt2").vocabulary_hash() == small().vocabulary_hash());
}

TEST_CASE("bpe files: two tokens of the same bytes are refused") {
  // The special token is plain text; the other token is written with the characters of the byte
  // table.
  const std::string json =
      with(with(small().to_json(), "\"<|endoftext|>\": 258", "\"\u00C3\u00A9\u00C3\u00A9\": 258"),
           "<|endoftext|>", "\u00E9\u00E9");
  CHECK_THROWS_WITH(parse_tokenizer_json(with(json, "\"id\": 258", "\"id\": 259"), "json"),
                    Catch::Contains("as token 258 and token 259"));
}

TEST_CASE("bpe files: missing files and paths of other kinds are refused") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "empty");
  CHECK_THAT(
      load_error(directory / "empty"),
      Catch::Contains("expected tokenizer.json, vocab.json or encoder.json in the directory"));
  CHECK_THAT(load_error(directory / "nowhere"), Catch::Contains("nowhere"));
  small().save_pretrained(directory / "half");
  fs::remove(directory / "half/tokenizer.json");
  fs::remove(directory / "half/merges.txt");
  for (const std::string name : {"half", "half/vocab.json"})
    CHECK_THAT(load_error(directory / name), Catch::Contains("half/merges.txt"));
  fs::create_directory(directory / "half/merges.txt");
  CHECK_THAT(load_error(directory / "half"), Catch::Contains("half/merges.txt"));
  fs::remove(directory / "half/merges.txt");
  REQUIRE(::mkfifo((directory / "half/merges.txt").c_str(), 0600) == 0);
  CHECK_THAT(load_error(directory / "half"), Catch::Contains("half/merges.txt"));
  directory.write("file", "");
  CHECK_THROWS_AS(small().save_pretrained(directory / "file"), IoError);
  CHECK_THROWS_AS(small().save_pretrained(directory / "file/below"), IoError);
}

TEST_CASE("bpe files: a vocabulary made by hand is checked") {
  const auto refused = [](auto change) {
    BpeVocabulary vocabulary = small().vocabulary();
    change(vocabulary);
    CHECK_THROWS_AS(BpeTokenizer(vocabulary), ValueError);
  };
  refused([](BpeVocabulary& v) { v.tokens.clear(); });
  refused([](BpeVocabulary& v) { v.tokens[3] = v.tokens[4]; });
  refused([](BpeVocabulary& v) { v.merges[0].left = -1; });
  refused([](BpeVocabulary& v) { v.merges[0].result = 300; });
  refused([](BpeVocabulary& v) { v.merges[0].result = 257; });
  refused([](BpeVocabulary& v) { v.special = {258, 258}; });
  refused([](BpeVocabulary& v) { v.special = {300}; });
  refused([](BpeVocabulary& v) { v.special = {0}; });
  refused([](BpeVocabulary& v) { v.tokens[258] = "\xFFtext"; });
}
