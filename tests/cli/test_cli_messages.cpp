// Tests that error messages begin with a path, an option or a plain word, not with a C++ name.
#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>

#include "tests/cli/small_runs.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::StartsWith;

TEST_CASE("messages: errors name wrong files and texts by paths and plain words") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), none = directory / "none",
                    out = directory / "out", empty = directory.write("empty", ""),
                    junk = directory.write("junk", "{\"a\": 1}"),
                    broken = directory.write("broken", "ab\xff"),
                    spaces = directory.write("spaces", "  "), folder = directory / "folder",
                    fresh = directory / "fresh", lost = directory / "lost", cut = directory / "cut";
  std::filesystem::create_directory(folder);
  for (const std::string& run : {out, lost, cut}) output_of(tiny(text, run, {"--max-iters", "1"}));
  write_file(lost + "/tokens.bin", "junk");
  std::string bytes = read_file(checkpoint(cut, 0));
  bytes[bytes.size() / 2] ^= 1;
  const std::string damaged = directory.write("damaged", bytes);
  const auto train = [&](const std::string& of) { return tiny(of, fresh); };
  const auto prompt = [](Words more) { return with({"generate", "--prompt", "The"}, more); };
  const struct {
    Words arguments;
    std::string begins;
  } table[] = {
      {train(none), none + ": cannot be read: No such file or directory"},
      {train(folder), folder + ": cannot be read: it is a directory"},
      {train(empty), empty + ": expected a text, got an empty one"},
      {train(broken), "text: expected valid UTF-8, got byte 0xFF at offset 2"},
      {train(directory.write("short", "too short")),
       directory / "short" + ": expected at least 20 tokens for --block-size 8, got 9"},
      {tiny(text, text), text + ": cannot be the --out-dir: "},
      {tiny(text, out), out + ": expected a directory without a run, got a run of 1 steps; "},
      {resumed(none), none + ": expected a run of vitro train, got no such directory"},
      {resumed(folder),
       folder + ": expected a run of vitro train with step-*.safetensors, got none"},
      {resumed(lost, {"--max-iters", "2"}), "token file " + lost + "/tokens.bin: "},
      {resumed(out, {"--max-iters", "0"}), "--max-iters: "},
      {{"eval", "--model", lost}, "token file " + lost + "/tokens.bin: "},
      {{"eval", "--model", none}, none + ": expected a run, a checkpoint or a directory with "},
      {{"eval", "--model", folder}, folder + ": expected a run, a checkpoint or a directory with "},
      {{"eval", "--model", junk},
       "checkpoint " + junk + ": expected a file with a checksum, got one without"},
      {{"eval", "--model", damaged},
       "checkpoint " + damaged + ": expected bytes with the checksum "},
      {{"eval", "--model", out, none}, none + ": cannot be read: No such file"},
      {{"eval", "--model", out, directory.write("greek", "\u03b1\u03b2")},
       "text: expected characters of the vocabulary, got "},
      {prompt({"--text", none}), none + ": cannot be read: "},
      {prompt({"--text", spaces, "--tokenizer", "word"}), "text: expected a word that occurs "},
      {{"generate", "--model", out, "--prompt", "\u03b1"},
       "text: expected characters of the vocabulary, got "},
      {{"generate", "--prompt-file", none}, none + ": cannot be read: "},
      {{"tokenize", "\u65e5"}, "text: expected characters of the vocabulary, got "},
      {{"tokenize", "xyzzy", "--tokenizer", "word"},
       "text: expected words of the vocabulary, got 'xyzzy'"},
      {{"tokenize", "a", "--tokenizer", junk}, "--tokenizer: "},
      {{"tokenize", "--out", folder}, folder + ": cannot be written: it is a directory"},
      {{"tokenizer", "train", "--out", text}, text + ": cannot be made: "},
      {{"graph", "--prompt", "a", "--out", none + "/a"}, none + "/a: cannot be written: No such"},
      {{"graph", "--prompt", "a", "--out", "/dev/full"}, "/dev/full: cannot be written: No space"},
  };
  const std::regex internal(
      "\\b(map|load|fit|write_file|read_file|remove_file|checkpoints|save|"
      "encode|copy|slice|token): ");
  for (const auto& [arguments, begins] : table) {
    INFO(arguments[0] << " ... " << arguments.back());
    const Finished run = run_vitro(arguments);
    CHECK((run.code == 1 || run.code == 2));
    CHECK_THAT(run.err, StartsWith("vitro: " + begins));
    CHECK(std::ranges::count(run.err, '\n') == 1);
    CHECK(!std::regex_search(run.err, internal));
  }
}
