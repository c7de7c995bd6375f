// Runs the vitro program as a user does: generate, tokenize, graph, --version and --help.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

std::string joined(const json& tokens) {
  return std::accumulate(
      tokens.begin(), tokens.end(), std::string(),
      [](std::string all, const json& token) { return std::move(all) + token.get<std::string>(); });
}

}  // namespace

TEST_CASE("cli: generate continues the prompt, and says that the model is untrained") {
  const Finished run =
      run_vitro({"generate", "--prompt", "The little", "--max-new-tokens", "12", "--seed", "7"});
  const json whole = json_of(
      {"generate", "--prompt", "The little", "--max-new-tokens", "12", "--seed", "7", "--json"});
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Contains("untrained") && Contains("seed 7"));
  CHECK_THAT(run.out, EndsWith('\n' + whole["text"].get<std::string>() + '\n'));
  CHECK_THAT(run.err, StartsWith("12 tokens in ") && EndsWith(" tokens/s\n"));

  CHECK(whole["prompt"] == "The little");
  CHECK(whole["prompt_tokens"] == 10);
  CHECK(whole["ids"].size() == 22);
  CHECK(whole["tokens"].size() == 22);
  CHECK_THAT(whole["text"].get<std::string>(), StartsWith("The little"));
  CHECK(joined(whole["tokens"]) == whole["text"]);
  CHECK(whole["trained"] == false);
  CHECK(whole["seed"] == 7);
  CHECK(whole["options"]["n_hidden"] == 256);
  const auto tokenizer = text::CharTokenizer::fit(stories());
  CHECK(tokenizer.decode(whole["ids"].get<std::vector<int64_t>>()) == whole["text"]);
}

TEST_CASE("cli: generate is greedy by default, and a seed gives the same text again") {
  const std::vector<std::string> base = {"generate", "--prompt",         "The",
                                         "--json",   "--max-new-tokens", "40"};
  auto text = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return json_of(more)["text"].get<std::string>();
  };
  const std::string greedy = text({}), drawn = text({"--temperature", "1.5"});
  CHECK(greedy == text({}));
  CHECK(greedy == text({"--top-k", "1"}));
  CHECK(greedy == text({"--threads", "1"}));
  CHECK(drawn == text({"--temperature", "1.5"}));
  CHECK(drawn != greedy);
  CHECK(text({"--top-k", "5"}) != greedy);
  CHECK(text({"--seed", "1"}) != greedy);
  CHECK(text({"--context", "3"}) != greedy);
}

TEST_CASE("cli: generate also works with words, and with any text") {
  const json words = json_of({"generate", "--prompt", "The red kite", "--tokenizer", "word",
                              "--max-new-tokens", "5", "--json"});
  CHECK(words["prompt_tokens"] == 3);
  CHECK(words["tokens"][2] == "kite");
  CHECK_THAT(words["text"].get<std::string>(), StartsWith("The red kite"));

  TemporaryDirectory directory;
  const std::string file = directory.write("notes.txt", "caf\u00e9 \u65e5\u672c\n");
  const json other = json_of(
      {"generate", "--text", file, "--prompt", "\u672c\u65e5", "--max-new-tokens", "30", "--json"});
  CHECK(other["ids"].size() == 32);
  CHECK(joined(other["tokens"]) == other["text"]);
  CHECK(json_of({"generate", "--text", file, "--prompt", "cafe\u0301", "--max-new-tokens", "0",
                 "--json"})["text"] == "caf\u00e9");
  CHECK(json_of({"generate", "--text", file, "--prompt", "xyz", "--unk", "--max-new-tokens", "0",
                 "--json"})["tokens"] == json({"<unk>", "<unk>", "<unk>"}));
}

TEST_CASE("cli: generate prints tokens while it makes them") {
  // A million tokens take minutes, and the first thousand come much earlier.
  const std::string text = start_of_output(
      {"generate", "--prompt", "The", "--n-hidden", "8192", "--max-new-tokens", "1000000"}, 1000,
      20);
  CHECK(text.size() == 1000);
}

TEST_CASE("cli: tokenize encodes and decodes") {
  const json chars = json_of({"tokenize", "A \"b\" \u00e9", "--json"});
  CHECK(chars["tokens"] == json({"A", " ", "\"", "b", "\"", " ", "\u00e9"}));
  CHECK(chars["decoded"] == "A \"b\" \u00e9");
  CHECK(chars["round_trip"] == true);
  const json words =
      json_of({"tokenize", "--tokenizer", "word", "The red  kite.", "--json", "--threads", "1"});
  CHECK(words["tokens"] == json({"The", "red", "kite", "."}));
  CHECK(words["decoded"] == "The red kite.");
  CHECK(words["round_trip"] == false);
  const std::string table = output_of({"tokenize", "a\tb", "--unk"});
  CHECK_THAT(table,
             Contains("\"a\\tb\"") && Contains("\"<unk>\"") && Contains("not the same text"));
  CHECK_THAT(output_of({"tokenize", "generate"}), Contains("the same text"));
  CHECK_THAT(output_of({"tokenize", "--", "-a"}), Contains("\"-\""));
}

TEST_CASE("cli: tokenize --out writes a token file and its vocabulary") {
  TemporaryDirectory directory;
  const std::string file = directory / "tokens.bin";
  const json said = json_of({"tokenize", "--tokenizer", "word", "--out", file, "--json"});
  const auto tokenizer = text::parse_tokenizer(read_file(file + ".json"), "written");
  const text::TokenFile tokens(file);
  std::vector<int64_t> ids(static_cast<size_t>(tokens.size()));
  tokens.copy(0, ids);
  tokens.verify();
  CHECK((ids == tokenizer->encode(stories())));
  CHECK(tokens.vocabulary_hash() == tokenizer->vocabulary_hash());
  CHECK(said["tokens"] == tokens.size());
  CHECK(said["vocab_size"] == tokenizer->vocab_size());
  CHECK_THAT(output_of({"tokenize", "--out", file}), StartsWith(file + ": the 31,"));
}

TEST_CASE("cli: graph draws the forward graph") {
  const std::string dot = output_of({"graph", "--prompt", "The", "--context", "2"});
  CHECK_THAT(dot, StartsWith("digraph") && EndsWith("}\n"));
  for (const char* part : {"embedding\\n", "cat\\n", "linear\\n", "gelu\\n", "head.weight\\n",
                           "(3, 256)\\nhidden", "hidden.bias\\n"})
    CHECK_THAT(dot, Contains(part));
  TemporaryDirectory directory;
  const std::string written =
      output_of({"graph", "--prompt", "The", "--context", "2", "--out", directory / "graph.dot"});
  CHECK(written.empty());
  std::ostringstream file;
  file << std::ifstream(directory / "graph.dot").rdbuf();
  CHECK(file.str() == dot);
}

TEST_CASE("cli: --version and --help") {
  const VersionInfo info = version_info();
  CHECK_THAT(output_of({"--version"}), StartsWith("vitro " + info.version + "\n") &&
                                           Contains(info.simd) && Contains(info.onednn));
  const int before = get_num_threads();
  set_num_threads(3);
  const std::string three = "threads  " + std::to_string(get_num_threads());
  set_num_threads(before);
  CHECK_THAT(output_of({"--version", "--threads", "3"}), Contains(three));
  CHECK(output_of({"version"}) == output_of({"--version"}));
  CHECK(output_of({"--version", "--threads", "010"}) ==
        output_of({"--version", "--threads", "10"}));
  for (const char* name : {"", "generate", "verify", "tokenize", "graph"}) {
    std::vector<std::string> arguments = {"--help"};
    if (*name) arguments.insert(arguments.begin(), name);
    const std::string help = output_of(arguments);
    CHECK_THAT(help, Contains("Examples:\n  vitro ") && Contains("--threads"));
    arguments.pop_back();
    arguments.insert(arguments.begin(), "help");
    CHECK(output_of(arguments) == help);
    CHECK_THAT(help, Contains(std::string("Usage: vitro ") + (*name ? name : "[OPTIONS]")));
  }
}
