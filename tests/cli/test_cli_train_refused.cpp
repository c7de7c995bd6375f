// Tests that vitro train refuses bad input, and keeps the last good checkpoint after an error.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/small_runs.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

TEST_CASE("train: --resume refuses tokens that differ from the tokens of the run") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  const models::SavedModel saved = models::load_model(out);
  const std::string other = short_text().substr(100);
  text::write_token_file(out + "/tokens.bin", *saved.tokenizer, text::TextPieces(other));
  check_refused(resumed(out, {"--max-iters", "2"}), 1,
                "tokens: expected the tokens that the run was started with, got others");
  check_refused({"eval", "--model", out}, 1,
                "tokens.bin: expected the tokens that the model was trained on, got others");
}

TEST_CASE("train: bad input is refused in one line and loses nothing") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out",
                    other = directory / "other", empty = directory.write("empty.txt", ""),
                    brief = directory.write("brief.txt", "A short text.");
  output_of(tiny(text, out, {"--max-iters", "10"}));
  const std::string before = read_file(checkpoint(out, 10)),
                    log_before = read_file(out + "/metrics.csv");
  const struct {
    Words arguments;
    int code;
    const char* says;
  } table[] = {
      {tiny(empty, other), 1, "empty.txt: expected a text, got an empty one"},
      {tiny(brief, other), 1,
       "brief.txt: expected at least 20 tokens for --block-size 8, got 13; give a longer text"},
      {tiny(text, other, {"--block-size", "1350"}), 1,
       "a.txt: expected at least 1501 tokens for --block-size 1350, got 1500; give a longer text "
       "or "
       "a smaller --block-size"},
      {tiny(directory / "none.txt", other), 1, "No such file"},
      {tiny(text, other, {"--lr", "0"}), 2,
       "--learning-rate (--lr): expected a positive number, got \"0\""},
      {tiny(text, other, {"--lr", "-1"}), 2, "\"-1\""},
      {tiny(text, other, {"--lr", "nan"}), 2, "\"nan\""},
      {tiny(text, other, {"--dropout", "1"}), 2, "--dropout: expected a number from 0 to below 1"},
      {tiny(text, other, {"--min-lr", "1"}), 2,
       "--min-lr: expected at most --learning-rate (0.003), got 1"},
      {tiny(text, other, {"--warmup-iters", "51"}), 2,
       "--warmup-iters: expected at most --lr-decay-iters (50), got 51"},
      {tiny(text, out), 1, "got a run of 10 steps; continue it with --resume"},
      {tiny(text, text), 1, ": cannot be the --out-dir: "},
      {tiny(text, "/proc/none"), 1, ": cannot be the --out-dir: "},
      {resumed(directory / "none"), 1,
       "none: expected a run of vitro train, got no such directory"},
      {resumed(directory / ""), 1, "with step-*.safetensors, got none"},
      {resumed(out, {"--lr", "0.1"}), 2,
       "--learning-rate (--lr): expected 0.003, the value of the run, got 0.1; leave the option "
       "out"},
      {resumed(out, {"--n-hidden", "9"}), 2, "--n-hidden: expected 8, the value of the run, got 9"},
      {resumed(out, {"--unk"}), 2, "--unk: expected false, the value of the run, got true"},
      {resumed(out, {brief}), 2, "text: expected "},
      {{"eval", "--model", directory / "none"}, 1, "No such file"},
      {{"eval", "--model", text}, 1, "a.txt: expected a file with a checksum"},
      {{"eval", "--model", out, empty}, 1, "empty.txt: expected a text, got an empty one"},
      {{"eval", "--model", out, directory.write("greek.txt", "\u03b1\u03b2\u03b3")},
       1,
       "(U+03B1) at position 0"},
      {{"generate", "--model", out, "--prompt", "\u03b1"}, 1, "(U+03B1) at position 0"},
      {{"generate", "--model", out, "--prompt", "a", "--n-hidden", "9"},
       2,
       "--n-hidden excludes --model"},
  };
  for (const auto& [arguments, code, says] : table) check_refused(arguments, code, says);
  CHECK(!std::filesystem::exists(checkpoint(other, 0)));
  CHECK(!std::filesystem::exists(other + "/tokens.bin"));
  CHECK(read_file(checkpoint(out, 10)) == before);
  CHECK(read_file(out + "/metrics.csv") == log_before);
  output_of(resumed(out, {"--max-iters", "11"}));
}

TEST_CASE("train: options in a checkpoint are checked like the command line") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  const Checkpoint whole = CheckpointDirectory(out).latest().checkpoint;
  const auto resume_with = [&](const char* name, const json& value) {
    Checkpoint changed = whole;
    json options = json::parse(whole.metadata.at("options"));
    REQUIRE(options.contains(name));
    options[name] = value;
    changed.metadata["options"] = options.dump();
    save_checkpoint(checkpoint(out, 1), changed);
    return resumed(out, {"--max-iters", "2"});
  };
  const struct {
    const char* name;
    json value;
    const char* says;
  } table[] = {
      {"eval-interval", 0, "expected a whole number from 1 to 1,000,000,000, got \"0\""},
      {"batch-size", -1, "expected a whole number from 1"},
      {"batch-size", 1e300, "expected a whole number, got 1e+300"},
      {"keep", uint64_t{1} << 63, "expected a whole number from 1"},
      {"dtype", "x", "expected one of float32|float64, got \"x\""},
      {"lr-schedule", "", "expected one of cosine|linear|constant"},
      {"learning-rate", 0, "expected a positive number"},
      {"dropout", 1, "expected a number from 0 to below 1"},
      {"unk", 1, "expected true or false, got 1"},
      {"seed", nullptr, "expected a whole number, got null"},
  };
  for (const auto& [name, value, says] : table) {
    check_refused(resume_with(name, value), 1, std::string("option ") + name + ": " + says);
  }
  Checkpoint lacking = whole;
  json options = json::parse(whole.metadata.at("options"));
  options.erase("allow-special");
  lacking.metadata["options"] = options.dump();
  save_checkpoint(checkpoint(out, 1), lacking);
  check_refused(resumed(out, {"--max-iters", "2", "--allow-special"}), 1,
                "option allow-special: expected a value in the checkpoint, got none in ");

  Checkpoint large = whole;
  options = json::parse(whole.metadata.at("options"));
  options["batch-size"] = 65536, options["block-size"] = 1024;
  large.metadata["options"] = options.dump();
  save_checkpoint(checkpoint(out, 1), large);
  check_refused(resumed(out, {"--max-iters", "2"}), 1, "GiB of memory and this machine has ");

  large = whole;
  json config = json::parse(whole.metadata.at("config"));
  config["n_embd"] = 1 << 20;
  large.metadata["config"] = config.dump();
  save_checkpoint(checkpoint(out, 1), large);
  check_refused(resumed(out, {"--max-iters", "2"}), 1,
                "the weights that its configuration needs, got fewer");
  output_of(resume_with("log-interval", 1));
}

TEST_CASE("train: a loss that becomes NaN stops the run and keeps the last good checkpoint") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  check_fails(
      tiny(text, out, {"--lr", "1e30", "--grad-clip", "0", "--warmup-iters", "0"}), 1,
      "a finite loss at step 2, got inf or nan; the first gradient that is not finite is that of "
      "embed.weight");
  check_fails(resumed(out), 1, "at step ");
  CHECK(CheckpointDirectory(out).latest().step == 0);
}

TEST_CASE("train: a full disk is an error that leaves the last checkpoint") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  check_refused(tiny(text, "/dev/full"), 1, ": cannot be the --out-dir: ");
  const Finished unheard = run_vitro(tiny(text, out, {"--max-iters", "10"}), "/dev/full");
  CHECK(unheard.code == 1);
  CHECK_THAT(unheard.err, Contains("standard output cannot be written: No space left"));

  std::filesystem::create_directory(directory / "small");
  if (::mount("tmpfs", (directory / "small").c_str(), "tmpfs", 0, "size=64k") != 0) {
    WARN("no right to mount a small disk");
    return;
  }
  check_fails(tiny(text, directory / "small/run", {"--max-iters", "1000"}), 1,
              "No space left on device");
  const auto found = CheckpointDirectory(directory / "small/run").latest();
  CHECK(found.damaged.empty());
  CHECK(::umount((directory / "small").c_str()) == 0);
}
