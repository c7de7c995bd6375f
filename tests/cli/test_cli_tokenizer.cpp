// Runs `vitro tokenizer train`, and commands that use a saved tokenizer, as a user does.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "framework/io/file.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/token_file.h"
#include "models/text/word/word_tokenizer.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("cli: tokenizer train learns from the stories, and tokenize uses it") {
  TemporaryDirectory directory;
  const std::string out = directory / "pairs";
  const json said = json_of({"tokenizer", "train", "--vocab-size", "600", "--out", out, "--json"});
  const auto expected = text::BpeTokenizer::train(stories(), 600);
  CHECK(said["vocab_size"] == 600);
  CHECK(said["vocabulary_hash"] == expected.vocabulary_hash());
  CHECK(said["bytes"] == stories().size());
  CHECK(said["tokens"] == expected.encode(stories()).size());
  CHECK(said["longest"].size() == 10);
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"})
    CHECK(fs::exists(out + "/" + name));

  const std::string text = "The little \u4F60 fox.";
  for (const std::string& path : {out, out + "/tokenizer.json", out + "/merges.txt"}) {
    const json split = json_of({"tokenize", "--tokenizer", path, text, "--json"});
    CHECK(split["kind"] == "bpe");
    CHECK(split["ids"] == expected.encode(text));
    CHECK(split["decoded"] == text);
    CHECK(split["round_trip"] == true);
  }
  const json learnt =
      json_of({"tokenize", "--tokenizer", "bpe", "--vocab-size", "600", text, "--json"});
  CHECK(learnt["ids"] == expected.encode(text));
  const std::string table = output_of({"tokenize", "--tokenizer", out, text});
  CHECK_THAT(table, Contains("bpe, 600 tokens from " + out) && Contains("the same text") &&
                        Contains("\" little\"") && Contains("\\xE4"));

  // --out writes the tokens of the whole text, and the tokenizer into a second file.
  const std::string file = directory / "tokens.bin";
  output_of({"tokenize", "--tokenizer", out, "--out", file});
  const text::TokenFile tokens(file);
  CHECK(tokens.vocabulary_hash() == expected.vocabulary_hash());
  std::vector<int64_t> ids(static_cast<size_t>(tokens.size()));
  tokens.copy(0, ids);
  CHECK((ids == expected.encode(stories())));
  CHECK(json_of({"tokenize", "--tokenizer", file + ".json", text, "--json"})["ids"] ==
        expected.encode(text));
}

TEST_CASE("cli: --allow-special turns text into special tokens, in vitro train too") {
  TemporaryDirectory directory;
  const std::string end = text::BpeTokenizer::kEndOfText, out = directory / "pairs";
  const std::string story = "a cat sat." + end, text = directory.write("a.txt", [&] {
    std::string many;
    for (int i = 0; i < 20; ++i) many += story;
    return many;
  }());
  output_of({"tokenizer", "train", text, "--vocab-size", "270", "--out", out});
  const auto tokenizer = text::BpeTokenizer::load(out);
  const json split =
      json_of({"tokenize", "--tokenizer", out, end + "a", "--allow-special", "--json"});
  CHECK(split["ids"].size() == 2);
  CHECK(split["ids"][0] == *tokenizer.end_of_text());
  CHECK(json_of({"tokenize", "--tokenizer", out, end + "a", "--json"})["ids"].size() > 5);
  CHECK(run_vitro({"tokenize", "a cat", "--allow-special"}).code == 1);

  const auto count = [&](const std::string& file) {
    const text::TokenFile tokens(file);
    std::vector<int64_t> ids(static_cast<size_t>(tokens.size()));
    tokens.copy(0, ids);
    return std::count(ids.begin(), ids.end(), *tokenizer.end_of_text());
  };
  const std::string file = directory / "tokens";
  output_of({"tokenize", "--tokenizer", out, "--text", text, "--out", file, "--allow-special"});
  CHECK(count(file) == 20);
  std::vector<std::string> train = {"train",           text,
                                    "--tokenizer",     out,
                                    "--block-size",    "4",
                                    "--max-iters",     "0",
                                    "--n-embd",        "2",
                                    "--n-hidden",      "2",
                                    "--out-dir",       directory / "run",
                                    "--sample-tokens", "0"};
  train.push_back("--allow-special");
  output_of(train);
  CHECK(count(directory / "run/tokens.bin") == 20);
  CHECK(json_of({"eval", text, "--model", directory / "run", "--json"})["tokens"] ==
        json_of({"eval", "--model", directory / "run", "--json"})["tokens"]);
}

TEST_CASE("cli: tokenizer train prints the longest tokens, and if the text has no more pairs") {
  TemporaryDirectory directory;
  const std::string text = directory.write("text.txt", "low low lower lowest");
  const std::string out = directory / "pairs";
  const std::string said = output_of({"tokenizer", "train", text, "--out", out});
  CHECK_THAT(said, Contains("261 tokens: 256 bytes, 4 merges and <|endoftext|>; "
                            "no other pair occurs 2 times"));
  CHECK_THAT(said, Contains("bytes per token") && Contains("\" lowe\"") && Contains(out));
  CHECK_THAT(output_of({"tokenizer", "train", text, "--min-count", "4", "--out", out}),
             Contains("259 tokens: 256 bytes, 2 merges and <|endoftext|>; "
                      "no other pair occurs 4 times"));
  CHECK_THAT(output_of({"tokenizer", "train", text, "--vocab-size", "260", "--out", out}),
             !Contains("no other pair"));
  CHECK_THAT(output_on_terminal({"tokenizer", "train", text, "--out", out}),
             Contains("261 tokens"));
}

TEST_CASE("cli: tokenize takes any saved tokenizer") {
  TemporaryDirectory directory;
  text::WordTokenizer::fit("a red kite").save(directory / "words.json");
  const json split =
      json_of({"tokenize", "--tokenizer", directory / "words.json", "red  kite", "--json"});
  CHECK(split["kind"] == "word");
  CHECK(split["decoded"] == "red kite");
}

TEST_CASE("cli: tokenizer train and tokenize refuse wrong arguments") {
  TemporaryDirectory directory;
  const std::string out = directory / "out", file = directory.write("file", "{}");
  const std::string empty = directory.write("empty.txt", "");
  struct Bad {
    int code;
    Words arguments;
    std::string says;
  };
  const Bad table[] = {
      {2, {"tokenizer"}, "expected a subcommand (train), got none; see vitro tokenizer --help"},
      {2, {"tokenizer", "polish"}, "polish; see vitro tokenizer --help"},
      {2, {"tokenizer", "train"}, "--out is required; see vitro tokenizer train --help"},
      {2, {"tokenizer", "train", "--out", ""}, "--out: expected a file name"},
      {2, {"tokenizer", "train", "--out", out, "--vocab-size", "256"}, "from 257 to 1,000,000"},
      {2, {"tokenizer", "train", "--out", out, "--vocab-size", "many"}, "\"many\""},
      {2, {"tokenizer", "train", "--out", out, "--min-count", "0"}, "--min-count"},
      {1, {"tokenizer", "train", directory / "none", "--out", out}, "none"},
      {1,
       {"tokenizer", "train", empty, "--out", out},
       "empty.txt: expected a text, got an empty one"},
      {1, {"tokenizer", "train", "--out", file}, file + ": cannot be made: "},
      {2, {"tokenize", "a", "--tokenizer", ""}, "--tokenizer: expected a file name"},
      {1,
       {"tokenize", "a", "--tokenizer", "pairs"},
       "expected char, word, bpe or the path of a saved tokenizer, got pairs: No such file"},
      {1, {"tokenize", "a", "--tokenizer", file}, file},
      {1, {"tokenize", "a", "--tokenizer", directory / "."}, ", which has no tokenizer.json"},
  };
  for (const auto& [code, arguments, says] : table) check_refused(arguments, code, says);
  CHECK(!fs::exists(out));
  CHECK_THAT(output_of({"tokenizer", "--help"}), Contains("train"));
  CHECK_THAT(output_of({"tokenizer", "train", "--help"}),
             Contains("Usage: vitro tokenizer train") && Contains("--vocab-size"));
}
