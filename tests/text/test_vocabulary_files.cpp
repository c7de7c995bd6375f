// Tests that tokenizers survive their files, that hostile files are refused, and that a failed save
// leaves the old file.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/char/char_tokenizer.h"
#include "models/text/tokenizer.h"
#include "models/text/word/word_tokenizer.h"

using namespace vitro;
using text::CharTokenizer;
using text::WordTokenizer;
namespace fs = std::filesystem;

namespace {

// An empty directory for one test case.
struct Directory {
  Directory() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Directory() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  bool has_only(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().filename() != name) return false;
    }
    return fs::exists(path / name);
  }
  fs::path path = fs::temp_directory_path() / ("vitro_text_" + std::to_string(::getpid()));
};

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string vocabulary_error(const std::string& path) {
  try {
    text::load_tokenizer(path);
  } catch (const IoError& error) { return error.what(); }
  return "no error";
}

bool same(const text::Vocabulary& a, const text::Vocabulary& b) {
  return a.type == b.type && a.nfc == b.nfc && a.unk == b.unk && a.tokens == b.tokens;
}

// Returns a tokenizer file with one field replaced by `field`.
std::string file_with(const std::string& name, const std::string& field) {
  std::string file = "{";
  for (const auto& [key, text] : {std::pair<std::string, std::string>{"type", R"("type": "char")"},
                                  {"version", R"("version": 1)"},
                                  {"nfc", R"("nfc": true)"},
                                  {"unk", R"("unk": "")"},
                                  {"vocab", R"("vocab": ["a", "b"])"}}) {
    const std::string& part = key == name ? field : text;
    if (!part.empty()) file += (file == "{" ? "" : ", ") + part;
  }
  return file + "}";
}

}  // namespace

TEST_CASE("a saved tokenizer is loaded unchanged, by the type in its file") {
  const Directory directory;
  const std::string text =
      std::string("a\0\"\\\n\t\x7F\u2028\u0301e\u00E9", 15) + "\U0001F600 b b'c";
  for (const bool nfc : {true, false}) {
    for (const std::string unk : {"", "<unk>"}) {
      const auto chars = CharTokenizer::fit(text, {.nfc = nfc, .unk = unk});
      chars.save(directory / "char.json");
      CHECK(same(CharTokenizer::load(directory / "char.json").vocabulary(), chars.vocabulary()));
      const auto words = WordTokenizer::fit(text, {.unk = unk, .nfc = nfc});
      words.save(directory / "word.json");
      CHECK(same(WordTokenizer::load(directory / "word.json").vocabulary(), words.vocabulary()));
      for (const text::Tokenizer* saved : {static_cast<const text::Tokenizer*>(&chars),
                                           static_cast<const text::Tokenizer*>(&words)}) {
        const std::string path = directory / (std::string(saved->kind()) + ".json");
        const auto loaded = text::load_tokenizer(path);
        CHECK(loaded->kind() == saved->kind());
        CHECK(loaded->encode(text) == saved->encode(text));
        loaded->save(directory / "again.json");
        CHECK(read_file(directory / "again.json") == read_file(path));
      }
    }
  }
}

TEST_CASE("people can read a saved tokenizer, and its bytes are always the same") {
  const Directory directory;
  CharTokenizer::fit("b\u00E9\n", {.unk = "<unk>"}).save(directory / "char.json");
  CHECK(read_file(directory / "char.json") ==
        "{\n  \"type\": \"char\",\n  \"version\": 1,\n  \"nfc\": true,\n  \"unk\": \"<unk>\",\n"
        "  \"vocab\": [\n    \"<unk>\",\n    \"\\n\",\n    \"b\",\n    \"\u00E9\"\n  ]\n}\n");
  CHECK(directory.has_only("char.json"));
}

TEST_CASE("a tokenizer refuses the file of another type") {
  const Directory directory;
  CharTokenizer::fit("ab").save(directory / "t.json");
  CHECK_THROWS_WITH(WordTokenizer::load(directory / "t.json"),
                    "tokenizer " + (directory / "t.json") + ": expected type word, got char");
}

TEST_CASE("hostile tokenizer files are refused with path and reason") {
  REQUIRE(file_with("", "") ==
          R"({"type": "char", "version": 1, "nfc": true, "unk": "", "vocab": ["a", "b"]})");
  const std::string good = file_with("", "");
  struct Case {
    std::string bytes, reason;
  };
  const Case cases[] = {
      // not JSON, or more than JSON
      {"", "unexpected end of input"},
      {good.substr(0, good.size() - 1), "unexpected end of input"},
      {good.substr(0, good.size() - 4), "missing closing quote"},
      {good + "x", "invalid literal"},
      {good + good, "expected end of input"},
      {good + std::string(1, '\0') + "garbage", "NUL byte"},
      {"\xEF\xBB\xBF" + good, "byte order mark"},
      {"// comment\n" + good, "parse error"},
      {file_with("vocab", R"("vocab": ["a", "b",])"), "parse error"},
      {file_with("vocab", R"("vocab": ["\ud800"])"), "surrogate"},
      {file_with("vocab", R"("vocab": ["\x41"])"), "backslash"},
      {file_with("vocab", "\"vocab\": [\"\n\"]"), "control character"},
      {file_with("vocab", "\"vocab\": [\"\xED\xA0\x80\"]"), "begins a surrogate"},
      {file_with("vocab", "\"vocab\": [\"\xC3\"]"), "byte 0xC3 at offset 66"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "parse error"},
      {std::string("PK\x03\x04", 4), "parse error"},
      // not an object of the five fields
      {"[]", "expected an object, got an array"},
      {"null", "expected an object, got null"},
      {"3", "expected an object, got a whole number"},
      {"\"char\"", "expected an object, got a string"},
      {std::string(1'000'000, '['), "expected an object, got an array"},
      {"{}", "expected a field \"type\", got none"},
      {file_with("nfc", ""), "expected a field \"nfc\", got none"},
      {file_with("unk", ""), "expected a field \"unk\", got none"},
      {file_with("vocab", ""), "expected a field \"vocab\", got none"},
      {file_with("unk", R"("unk": "", "merges": [])"),
       "got a field \"merges\" that vitro does not know"},
      {file_with("unk", R"("unk": "", "\u0000": 1)"),
       "got a field \"\\u0000\" that vitro does not know"},
      {file_with("unk", "\"" + std::string(100'000, 'k') + "\": 1"),
       "k...\" that vitro does not know"},
      {file_with("nfc", R"("nfc": true, "nfc": true)"),
       "expected each field once, got \"nfc\" twice"},
      {file_with("nfc", R"("nfc": true, "n\u0066c": true)"),
       "expected each field once, got \"nfc\" twice"},
      {file_with("vocab", R"("vocab": ["a"], "vocab": ["b"])"),
       "expected each field once, got \"vocab\" twice"},
      // fields of the wrong kind
      {file_with("type", R"("type": 1)"),
       "expected a string for field \"type\", got a whole number"},
      {file_with("type", R"("type": "bpe")"),
       "expected \"char\" or \"word\" for field \"type\", got \"bpe\""},
      {file_with("type", R"("type": "CHAR")"),
       "expected \"char\" or \"word\" for field \"type\", got \"CHAR\""},
      {file_with("version", R"("version": 2)"), "expected version 1, got 2"},
      {file_with("version", R"("version": -1)"), "for field \"version\", got a negative number"},
      {file_with("version", R"("version": 1.0)"), "for field \"version\", got a fraction"},
      {file_with("version", R"("version": 1e999)"), "number overflow"},
      {file_with("version", R"("version": 18446744073709551616)"), "a fraction"},
      {file_with("nfc", R"("nfc": 1)"), "expected true or false for field \"nfc\""},
      {file_with("unk", R"("unk": null)"), "expected a string for field \"unk\", got null"},
      {file_with("unk", R"("unk": {"a": 1})"), "for field \"unk\", got an object"},
      {file_with("unk", R"("unk": ["a"])"), "for field \"unk\", got an array"},
      {file_with("vocab", R"("vocab": {"a": 0})"), "for field \"vocab\", got an object"},
      {file_with("vocab", R"("vocab": "ab")"), "for field \"vocab\", got a string"},
      {file_with("vocab", R"("vocab": ["a", 1])"), "for token 1, got a whole number"},
      {file_with("vocab", R"("vocab": ["a", null])"), "for token 1, got null"},
      {file_with("vocab", R"("vocab": [["a"]])"), "for token 0, got an array"},
      {file_with("vocab", R"("vocab": [{}])"), "for token 0, got an object"},
      {file_with("vocab", "\"vocab\": " + std::string(1'000'000, '[')),
       "for token 0, got an array"},
      // tokens that are not allowed
      {file_with("vocab", R"("vocab": [])"), "expected at least one token"},
      {file_with("vocab", R"("vocab": ["a", ""])"), "expected text for token 1, got none"},
      {file_with("vocab", R"("vocab": ["ab"])"), "expected one character for token 0, got 2"},
      {file_with("vocab", R"("vocab": ["a", "b", "a"])"),
       "got 'a' (U+0061) as token 0 and token 2"},
      {file_with("vocab", R"("vocab": ["a", "\u0061"])"),
       "got 'a' (U+0061) as token 0 and token 1"},
      {file_with("vocab", R"("vocab": ["\u212b"])"), "expected text in NFC for token 0"},
      {file_with("unk", R"("unk": "<unk>")"), "expected the unknown token as token 0"},
      {R"({"type": "word", "version": 1, "nfc": true, "unk": "", "vocab": ["a", "a b"]})",
       "expected one word, number or other character for token 1, got 'a b'"},
      {R"({"type": "word", "version": 1, "nfc": true, "unk": "", "vocab": ["a", "b", "b"]})",
       "got token 2 equal to token 1"},
  };
  const Directory directory;
  const std::string path = directory / "hostile.json";
  write(path, good);
  REQUIRE(vocabulary_error(path) == "no error");
  for (const Case& c : cases) {
    write(path, c.bytes);
    const std::string message = vocabulary_error(path);
    CAPTURE(c.bytes.substr(0, 100), message);
    CHECK_THAT(message, Catch::StartsWith("tokenizer " + path + ": "));
    CHECK_THAT(message, Catch::Contains(c.reason));
    CHECK(message.size() < path.size() + 300);
  }
}

TEST_CASE("read_file reads every byte") {
  const Directory directory;
  for (const std::string& bytes :
       {std::string(), std::string("a\0\r\n\xFF", 5), std::string(1'000'000, 'x')}) {
    write(directory / "file", bytes);
    CHECK(read_file(directory / "file") == bytes);
  }
  CHECK(read_file("/proc/self/status").starts_with("Name:"));  // this file reports no size
  CHECK(read_file(directory / "file", 1'000'000).size() == 1'000'000);
  CHECK_THROWS_WITH(read_file(directory / "file", 999'999),
                    Catch::Contains("more than 999999 bytes"));
}

TEST_CASE("read_file names the path and the reason") {
  const Directory directory;
  write(directory / "plain", "a");
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  struct Case {
    std::string path, reason;
  };
  const Case cases[] = {
      {directory / "missing", "No such file or directory"},
      {directory / "plain/below", "Not a directory"},
      {directory.path.string(), "it is a directory"},
      {directory / "fifo", "it is not a regular file"},
      {"/dev/null", "it is not a regular file"},
      {directory / std::string(300, 'n'), "File name too long"},
      {"", "No such file or directory"},
  };
  for (const Case& c : cases) {
    CHECK_THROWS_AS(read_file(c.path), IoError);
    CHECK_THROWS_WITH(read_file(c.path), c.path + ": cannot be read: " + c.reason);
  }
  if (::geteuid() == 0) return;  // root may read everything
  fs::permissions(directory / "plain", fs::perms::none);
  CHECK_THROWS_WITH(read_file(directory / "plain"), Catch::Contains("Permission denied"));
}

TEST_CASE("a file that cannot be saved is named with the reason") {
  const Directory directory;
  struct Case {
    std::string path, reason;
  };
  const Case cases[] = {
      {directory / "missing/file", "No such file or directory"},
      {directory.path.string(), "it is a directory"},
  };
  const auto chars = CharTokenizer::fit("ab");
  for (const Case& c : cases) {
    CHECK_THROWS_AS(chars.save(c.path), IoError);
    CHECK_THROWS_WITH(chars.save(c.path),
                      Catch::Contains(c.path + ": cannot be written: " + c.reason));
  }
  CHECK(fs::is_empty(directory.path));
}

TEST_CASE("a save that fails half way leaves the old file and no other") {
  const Directory directory;
  const std::string path = directory / "vocabulary.json";
  write_file(path, "old");
  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small = {1000, limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message = "no error";
  try {
    write_file(path, std::string(100'000, 'x'));
  } catch (const IoError& error) { message = error.what(); }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, previous);
  CHECK_THAT(message, Catch::Contains(path + ": cannot be written: File too large"));
  CHECK(read_file(path) == "old");
  CHECK(directory.has_only("vocabulary.json"));
}

TEST_CASE("a save replaces the file and removes the rest of a killed save") {
  const Directory directory;
  const std::string path = directory / "vocabulary.json";
  write(path, "old and longer");
  write(path + ".0123abcd.tmp", "half");
  write_file(path, "new");
  CHECK(read_file(path) == "new");
  CHECK(directory.has_only("vocabulary.json"));
}
