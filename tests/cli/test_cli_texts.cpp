// Tests texts from a pipe, with a byte order mark, with the line ends of Windows, or not in NFC.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/text/unicode/utf8.h"
#include "tests/cli/small_runs.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// Runs the program while a thread writes the bytes into `fifo`.
Finished run_with_fifo(const Words& arguments, const std::string& fifo, const std::string& bytes) {
  std::filesystem::remove(fifo);
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(fifo, std::ios::binary) << bytes; });
  const Finished run = run_vitro(arguments);
  writer.join();
  return run;
}

const std::string kMark = "\xEF\xBB\xBF";

}  // namespace

TEST_CASE("texts: a FIFO and standard input work like files") {
  const TemporaryDirectory directory;
  const std::string text = short_text(), file = directory.write("a.txt", text),
                    fifo = directory / "fifo", out = directory / "out";
  const Words length = {"--max-iters", "2"};
  output_of(tiny(file, out, length));
  const std::string wanted = read_file(out + "/metrics.csv");
  for (const std::string name : {"fifo", "-", "/dev/stdin"}) {
    CAPTURE(name);
    const std::string run = directory / ("of" + std::to_string(name.size()));
    const Finished trained = name == "fifo" ? run_with_fifo(tiny(fifo, run, length), fifo, text)
                                            : run_vitro(tiny(name, run, length), "", text);
    CHECK(trained.code == 0);
    CHECK(read_file(run + "/metrics.csv") == wanted);
    CHECK(read_file(run + "/tokens.bin") == read_file(out + "/tokens.bin"));
    output_of(resumed(run, {"--max-iters", "3"}));  // reads tokens.bin, not the text
    output_of({"eval", "--model", run});
    if (name == "fifo") continue;
    remove_file(run + "/tokens.bin");
    check_refused(resumed(run, {"--max-iters", "4"}), 1, "the text came through a pipe");
    check_refused({"eval", "--model", run}, 1, "tokens.bin: it is missing; give a text");
    const Finished again = run_vitro(resumed(run, {"--max-iters", "4", name}), "", text);
    CHECK(again.code == 0);
    CHECK(read_file(run + "/tokens.bin") == read_file(out + "/tokens.bin"));
  }

  const json evaluated = json_of({"eval", "--model", out, file, "--json"});
  const Finished piped = run_vitro({"eval", "--model", out, "-", "--json"}, "", text);
  CHECK(json::parse(piped.out)["loss"] == evaluated["loss"]);
  CHECK(json::parse(piped.out)["text"] == "standard input");
  CHECK(json::parse(
            run_with_fifo({"eval", "--model", out, fifo, "--json"}, fifo, text).out)["loss"] ==
        evaluated["loss"]);
  const Words tokenize = {"tokenize", "The", "--json", "--text"};
  const json split = json_of(with(tokenize, {file}));
  CHECK(json::parse(run_with_fifo(with(tokenize, {fifo}), fifo, text).out) == split);
  CHECK(json::parse(run_vitro(with(tokenize, {"-"}), "", text).out) == split);
  const Words learn = {"tokenizer", "train", "--vocab-size", "300", "--out"};
  output_of(with(learn, {directory / "a", file}));
  CHECK(run_with_fifo(with(learn, {directory / "b", fifo}), fifo, text).code == 0);
  CHECK(read_file(directory / "a/tokenizer.json") == read_file(directory / "b/tokenizer.json"));
  const Finished prompted = run_with_fifo(
      {"generate", "--model", out, "--quiet", "--max-new-tokens", "0", "--prompt-file", fifo}, fifo,
      "The");
  CHECK(prompted.code == 0);
  CHECK(prompted.out == "The\n");
}

TEST_CASE("texts: an empty pipe is refused") {
  const TemporaryDirectory directory;
  check_refused(tiny("-", directory / "out"), 1,
                "standard input: expected a text, got an empty one");
  check_refused(tiny("/dev/null", directory / "out"), 1,
                "/dev/null: expected a text, got an empty one");
  CHECK(!std::filesystem::exists(directory / "out"));
}

TEST_CASE("texts: a byte order mark is left out, and CR LF is kept and reported") {
  const TemporaryDirectory directory;
  const std::string text = short_text(), plain = directory.write("plain.txt", text);
  std::string lines;
  for (const char c : text) lines += c == '\n' ? "\r\n" : std::string(1, c);
  const std::string marked = directory.write("marked.txt", kMark + text),
                    windows = directory.write("windows.txt", kMark + lines);
  const auto train = [&](const std::string& file) {
    return output_of(tiny(file, file + ".run", {"--max-iters", "1"}));
  };
  CHECK_THAT(train(plain), !Contains("note"));
  CHECK_THAT(train(marked),
             Contains("the byte order mark at its beginning is left out") && !Contains("CR LF"));
  CHECK_THAT(train(windows), Contains("the byte order mark at its beginning is left out; its "
                                      "lines end in CR LF (as Windows writes them), and each CR "
                                      "is kept"));
  CHECK(read_file(marked + ".run/tokens.bin") == read_file(plain + ".run/tokens.bin"));
  CHECK(text::TokenFile(windows + ".run/tokens.bin").size() ==
        static_cast<int64_t>(text::decode_utf8(lines).size()));
  CHECK(json_of({"eval", "--model", plain + ".run", marked, "--json"})["loss"] ==
        json_of({"eval", "--model", plain + ".run", plain, "--json"})["loss"]);
  check_refused(tiny(directory.write("mark.txt", kMark), directory / "out"), 1,
                "mark.txt: expected a text, got an empty one");
  CHECK_THAT(output_of({"train", "--help"}), Contains("byte order mark") && Contains("CR LF"));
}

TEST_CASE("texts: tokenize reports that a text was composed to NFC") {
  const std::string decomposed = "cafe\u0301";
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.txt", "caf\u00e9");
  CHECK_THAT(
      output_of({"tokenize", "--text", file, decomposed}),
      Contains("the same characters, composed (Unicode's NFC)") && !Contains("the same text"));
  CHECK(json_of({"tokenize", "--text", file, decomposed, "--json"})["round_trip"] == false);
  CHECK_THAT(output_of({"tokenize", "--text", file, "caf\u00e9"}), Contains("the same text"));
}

TEST_CASE("texts: long words and bytes that are not UTF-8 give short output") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("ff", std::string(1'000'000, '\xff'));
  const std::string shown =
      output_of({"tokenizer", "train", file, "--out", directory / "pairs", "--vocab-size", "300"});
  CHECK(shown.size() < 5000);
  CHECK_THAT(shown, Contains("..."));
  const std::string prompt(5000, 'x');
  const std::string table = output_of({"tokenize", prompt, "--tokenizer", "word", "--unk"});
  CHECK(table.size() < 1000);
  const Finished refused = run_vitro({"tokenize", prompt, "--tokenizer", "word"});
  CHECK(refused.code == 1);
  CHECK(refused.err.size() < 400);
  const Finished unknown = run_vitro({"generate", "--" + std::string(100'000, 'y'), "\u00e9"});
  CHECK(unknown.code == 2);
  CHECK(unknown.err.size() < 5000);
  CHECK_THAT(unknown.err, Contains(" ... ") && Contains("see vitro generate --help"));
}
