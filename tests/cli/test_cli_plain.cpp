// Tests the program as a new user sees it: help texts, closed pipes, messages without C++ names.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <regex>

#include "apps/cli/internals.h"
#include "tests/cli/small_runs.h"
#include "tests/rules/rules.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

TEST_CASE("plain: a pipe that closes ends the program without a message") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const Finished trained = run_until_closed(
      tiny(text, out, {"--max-iters", "100000000", "--eval-interval", "1000000"}), 2000);
  CHECK(trained.code == 128 + SIGPIPE);
  CHECK(trained.err.empty());
  CHECK(CheckpointDirectory(out).steps().size() == 2);  // it saved a checkpoint before it ended

  const Finished generated = run_until_closed(
      {"generate", "--prompt", "The", "--n-hidden", "8", "--max-new-tokens", "1000000"}, 10);
  CHECK((generated.code == -SIGPIPE || generated.code == 128 + SIGPIPE));
  CHECK(generated.err.empty());
}

TEST_CASE("plain: short times are in milliseconds") {
  const std::string err = run_vitro({"generate", "--prompt", "The", "--n-embd", "4", "--n-hidden",
                                     "4", "--max-new-tokens", "3"})
                              .err;
  CHECK(std::regex_match(
      err,
      std::regex(R"(3 tokens in \d+\.\d ms, \d+\.\d ms of it for the prompt: .* tokens/s\n)")));
}

TEST_CASE("plain: eval takes its text by position or as --text, but not both") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "0"}));
  CHECK(json_of({"eval", "--model", out, "--text", text, "--json"}) ==
        json_of({"eval", "--model", out, text, "--json"}));
  check_refused({"eval", "--model", out, text, "--text", text}, 2, "excludes");
}

TEST_CASE("plain: a text with the number of tokens that the message asks for is long enough") {
  const TemporaryDirectory directory;
  for (const int64_t block_size : {1, 8, 17, 18, 64, 100}) {
    CAPTURE(block_size);
    const Words more = {"--max-iters", "0", "--block-size", std::to_string(block_size)};
    const std::string out = directory / std::to_string(block_size),
                      brief = directory.write("brief", std::string(19, 'a'));
    const std::string says = run_vitro(tiny(brief, out, more)).err;
    std::smatch need;
    REQUIRE(std::regex_search(says, need, std::regex("expected at least (\\d+) tokens for ")));
    const size_t least = std::stoul(need[1]);
    check_refused(tiny(directory.write("less", std::string(least - 1, 'a')), out, more), 1,
                  "got " + std::to_string(least - 1));
    output_of(tiny(directory.write("enough", std::string(least, 'a')), out, more));
  }
}

TEST_CASE("plain: a message gives all names of an option, and says once what it expected") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out",
                    junk = directory.write("junk", "\xAD");
  output_of(tiny(text, out, {"--max-iters", "0"}));
  const struct {
    Words arguments;
    int code;
    std::string says;
  } table[] = {
      {{"train", "--lr", "0"}, 2, "--learning-rate (--lr): expected a positive number, got \"0\""},
      {{"train", "--out", ""}, 2, "--out-dir (--out): expected a file name, got an empty one"},
      {{"train", "--n-embd", "0"}, 2, "vitro: --n-embd: expected a whole number"},
      {{"tokenize", "x", "--tokenizer", out},
       1,
       "vitro: --tokenizer: expected char, word, bpe or the path of a saved tokenizer, got the "
       "directory " +
           out + ", which has no tokenizer.json, vocab.json or encoder.json\n"},
  };
  for (const auto& [arguments, code, says] : table) {
    const std::string err = check_fails(arguments, code, says).err;
    const size_t first = err.find("expected");
    CHECK(first == err.rfind("expected"));
  }
  check_refused({"tokenize", "x", "--tokenizer", junk}, 1, "vitro: --tokenizer: ");
}

TEST_CASE("plain: help texts are sentences, and say how fresh models differ") {
  const std::string smaller =
      "Its default sizes are --n-embd 64 --n-hidden 256 --context 1.\n"
      "vitro train has other defaults: --n-embd 32 --n-hidden 1024 "
      "--context 8.\n";
  for (const char* name : {"train", "generate", "verify", "graph", "activations", "gradients"})
    CHECK_THAT(output_of({"help", name}), Contains(smaller));
  for (const Words& name : {Words{},
                            {"train"},
                            {"generate"},
                            {"eval"},
                            {"verify"},
                            {"activations"},
                            {"gradients"},
                            {"step"},
                            {"tokenize"},
                            {"tokenizer"},
                            {"tokenizer", "train"},
                            {"graph"},
                            {"summary"},
                            {"export"},
                            {"version"}}) {
    const std::string help = output_of(with({"help"}, name));
    INFO(help);
    CHECK(!std::regex_search(help, std::regex("\n {30}(Of|What|Its|The last one)\\b")));
    CHECK_THAT(help, !Contains("as Hugging Face keeps") && !Contains("by hand"));
  }
}

TEST_CASE("plain: messages lose the names of functions, and nothing else") {
  const struct {
    const char *message, *shown;
  } table[] = {
      {"load: a.txt: cannot be read", "a.txt: cannot be read"},
      {"save_pretrained: expected a directory, got a file", "expected a directory, got a file"},
      {"generate: expected a temperature above 0, got 0", "expected a temperature above 0, got 0"},
      {"a.txt: copy: expected ids, got none", "a.txt: expected ids, got none"},
      {"train: train: expected a text, got none", "expected a text, got none"},
      {"text: the character 'x' is not known", "text: the character 'x' is not known"},
      {"tokens: expected others, got these", "tokens: expected others, got these"},
      {"vocabulary: expected a token, got none", "vocabulary: expected a token, got none"},
      {"--lr: expected a number, got \"x\"", "--lr: expected a number, got \"x\""},
      {"out/train: cannot be read", "out/train: cannot be read"},
      {"load save: cannot be read", "load save: cannot be read"},
      {"a load: b", "a load: b"},
      {"load", "load"},
      {"", ""},
  };
  for (const auto& [message, shown] : table) CHECK(cli::without_internals(message) == shown);
}

TEST_CASE(
    "plain: messages of the library begin with plain words, or with names that are left out") {
  // Users know these words; the kinds of models are also words in the help.
  const std::set<std::string> words = {"text",   "tokens", "tokenizer", "vocabulary", "checkpoint",
                                       "config", "memory", "options",   "metrics",    "weights",
                                       "GPT",    "MiniLM", "none"};
  const std::regex message(R"re(\b(?:check|fail)<\w+>\([^;"]*"(\w+): )re");
  size_t found = 0;
  for (const char* folder : {"models", "framework/io"})
    for (const auto& file : fs::recursive_directory_iterator(source_path(folder))) {
      const std::string source = read_text(file.path());
      for (std::sregex_iterator at(source.begin(), source.end(), message), end; at != end; ++at) {
        const std::string name = (*at)[1];
        INFO(file.path() << ": " << name << ": add it to apps/cli/internals.h or to this list");
        CHECK((words.contains(name) || cli::without_internals(name + ": x") == "x"));
        ++found;
      }
    }
  CHECK(found > 20);
}
