// vitro train, eval and generate --model as real processes: runs that are stopped, killed and
// resumed end as undisturbed ones do.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "models/text/unicode/utf8.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

std::string short_text() {
  return read_file(source_path("examples/data/stories.txt")).substr(0, 1500);
}

// A small run with everything on that a step depends on; an epoch is 42 steps.  `more` are options
// and their values, which go before the ones here.
Words tiny(const std::string& text, const std::string& out, const Words& more = {}) {
  std::map<std::string, std::string> options = {
      {"--out-dir", out},        {"--n-embd", "4"},        {"--n-hidden", "8"},
      {"--context", "2"},        {"--dropout", "0.3"},     {"--batch-size", "2"},
      {"--block-size", "8"},     {"--warmup-iters", "5"},  {"--lr-decay-iters", "50"},
      {"--eval-interval", "10"}, {"--sample-tokens", "5"}, {"--gradient-accumulation-steps", "2"},
      {"--log-interval", "1"},   {"--keep", "100"}};
  for (size_t i = 0; i + 1 < more.size(); i += 2) options[more[i]] = more[i + 1];
  Words all = {"train", text};
  for (const auto& [name, value] : options) all.insert(all.end(), {name, value});
  return all;
}
// The same with a GPT: with grouped heads, dropout, rotary positions and a norm with no bias.
Words tiny_gpt(const std::string& text, const std::string& out, const Words& more = {}) {
  Words all = tiny(text, out, more);
  for (const char* name : {"--n-hidden", "--context"}) {
    const auto at = std::ranges::find(all, name);
    all.erase(at, at + 2);
  }
  all.insert(all.end(), {"--n_layer=2", "--n_head=2", "--n-kv-head", "1", "--position", "rotary",
                         "--mlp", "swiglu", "--bias=False", "--lr-schedule", "linear"});
  return all;
}
Words resumed(const std::string& out, const Words& more = {}) {
  return with({"train", "--resume", "--out-dir", out}, more);
}
std::string checkpoint(const std::string& out, int64_t step) {
  return CheckpointDirectory(out).file(step);
}
size_t rows(const std::string& csv) {
  return std::filesystem::exists(csv)
             ? static_cast<size_t>(std::ranges::count(read_file(csv), '\n'))
             : 0;
}
// Waits, for a minute at most, until the run has written `count` lines of its metrics.
void wait_for_rows(const std::string& out, size_t count) {
  for (int i = 0; i < 6000 && rows(out + "/metrics.csv") < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(rows(out + "/metrics.csv") >= count);
}

}  // namespace

TEST_CASE("train: checkpoints, metrics, a curve and samples; eval and generate use them") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const std::string shown = output_of(tiny(text, out, {"--max-iters", "20", "--keep", "2"}));
  CHECK_THAT(shown, Contains("1,350 tokens to learn, 150 to validate"));
  CHECK_THAT(shown, Contains("step 20  loss ") && Contains("validation "));
  CHECK_THAT(shown, Contains("\n    | ") && Contains("vitro generate --model " + out));
  CHECK(CheckpointDirectory(out).steps() == std::vector<int64_t>{10, 20});
  const std::string csv = read_file(out + "/metrics.csv");
  CHECK_THAT(csv, StartsWith("step,loss,smoothed_loss,val_loss,learning_rate,grad_norm\n0,,,"));
  CHECK(std::ranges::count(csv, '\n') == 22);
  std::istringstream lines(read_file(out + "/metrics.jsonl"));
  std::string line, last;
  for (; std::getline(lines, line); last = line) CHECK(json::parse(line).is_object());
  CHECK(json::parse(last)["step"] == 20);
  const std::string curve = read_file(out + "/loss.svg");
  CHECK_THAT(curve, StartsWith("<svg") && Contains("validation") && Contains("</svg>"));

  const json eval = json::parse(output_of({"eval", "--model", out, "--json"}));
  CHECK(eval["step"] == 20);
  CHECK(eval["text"] == text);
  CHECK(eval["part"] == "validation");
  CHECK(eval["tokens"] == 149);
  CHECK(eval["perplexity"] == Approx(std::exp(eval["loss"].get<double>())));
  CHECK(eval["bits_per_character"] == Approx(eval["loss"].get<double>() / std::log(2.0)));
  CHECK(json::parse(output_of({"eval", "--model", out, text, "--whole", "--json"}))["tokens"] ==
        1499);
  const json generated = json::parse(output_of(
      {"generate", "--model", out, "--prompt", "The", "--max-new-tokens", "9", "--json"}));
  CHECK(generated["trained"] == true);

  // eval reads the run's own tokens: whatever became of the text, and from anywhere.
  std::filesystem::rename(text, directory / "moved.txt");
  CHECK(json::parse(output_of({"eval", "--model", out, "--json"})) == eval);
  CHECK(json::parse(output_of({"eval", "--model", checkpoint(out, 20), "--json"}))["loss"] ==
        eval["loss"]);
  CHECK(generated["ids"].size() == 12);
}

TEST_CASE("eval: the loss over the last tenth of the tokens, in bits per character too") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "0", "--tokenizer", "word"}));
  const models::SavedModel saved = models::load_model(out);
  const text::TokenFile tokens(out + "/tokens.bin");
  const int64_t learnt = tokens.size() - tokens.size() / 10;
  const models::Evaluation wanted =
      models::evaluate(*saved.model, tokens.slice(learnt, tokens.size()), 256);
  std::vector<int64_t> predicted(static_cast<size_t>(tokens.size() - learnt - 1));
  tokens.copy(learnt + 1, predicted);
  const size_t characters = text::decode_utf8(saved.tokenizer->decode(predicted)).size();

  const json eval = json::parse(output_of({"eval", "--model", out, "--json"}));
  CHECK(eval["loss"] == Approx(wanted.loss()));
  CHECK(eval["tokens"] == predicted.size());
  CHECK(eval["characters"] == characters);
  CHECK(eval["bits_per_character"] ==
        Approx(wanted.nats / std::log(2.0) / static_cast<double>(characters)));
}

TEST_CASE("train: other tokens than the run was started with are refused") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  const models::SavedModel saved = models::load_model(out);
  const std::string other = short_text().substr(100);
  text::write_token_file(out + "/tokens.bin", *saved.tokenizer, text::TextPieces(other));
  check_refused(resumed(out, {"--max-iters", "2"}), 1,
                "the tokens that the run was started with expected");
  check_refused({"eval", "--model", out}, 1, "the tokens that the model was trained on expected");
}

TEST_CASE("train: on a terminal one line follows each step, elsewhere there are only whole lines") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text());
  const Words more = {"--max-iters", "20000",          "--eval-interval",
                      "20000",       "--log-interval", "20000"};
  const std::string live = output_on_terminal(tiny(text, directory / "a", more)),
                    plain = output_of(tiny(text, directory / "b", more));
  CHECK_THAT(live, Contains("\r\x1b[Kstep ") && Contains("/20000  loss ") && Contains(" left"));
  CHECK_THAT(live, Contains("\r\x1b[Kstep  20000  loss "));
  CHECK_THAT(plain, !Contains("\r") && !Contains("\x1b") && Contains("step  20000  loss "));
}

TEST_CASE("train: what explains a model reads the model, not the command line") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1", "--activation", "relu", "--tokenizer", "word"}));
  const std::string explained =
      output_of({"generate", "--model", out, "--prompt", "the", "--explain", "--quiet"});
  CHECK_THAT(explained, Contains("relu") && !Contains("gelu"));
  CHECK_THAT(explained, Contains("one per word (--tokenizer word)"));
}

TEST_CASE("train: a reader that goes away ends the run, and its steps are saved") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const Words endless = tiny(text, out, {"--max-iters", "100000000", "--eval-interval", "1000000"});
  start_of_output(endless, 2000, 600, /*kill=*/false);
  const std::vector<int64_t> steps = CheckpointDirectory(out).steps();
  REQUIRE(steps.size() == 2);
  CHECK(steps[1] >= 10);
}

TEST_CASE("train: a run that was started without SIGINT does not hear it") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const auto before = std::signal(SIGINT, SIG_IGN);
  Running run(tiny(text, out, {"--max-iters", "20000", "--eval-interval", "20000"}));
  std::signal(SIGINT, before);
  wait_for_rows(out, 3);
  run.send(SIGINT);
  CHECK(run.wait() == 0);
}

TEST_CASE("train: a file name that is no UTF-8 is a name all the same") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a\xff.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  output_of({"train", text, "--resume", "--out-dir", out, "--max-iters", "2"});
  output_of({"eval", "--model", out});
}

TEST_CASE("train: stopped after every step and resumed, a run ends bit for bit as undisturbed") {
  const bool is_gpt = GENERATE(false, true);
  const auto begin = is_gpt ? tiny_gpt : tiny;
  const int64_t steps = is_gpt ? 12 : 60;
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), whole = directory / "whole",
                    parts = directory / "parts";
  output_of(begin(text, whole, {"--max-iters", std::to_string(steps), "--eval-interval", "1"}));
  output_of(begin(text, parts, {"--max-iters", "0"}));
  for (int64_t step = 1; step <= steps; ++step) {
    INFO("step " << step);
    const std::string until = std::to_string(step);
    output_of(resumed(parts, {"--max-iters", until, "--eval-interval", "1"}));
    const Checkpoint a = load_checkpoint(checkpoint(whole, step)),
                     b = load_checkpoint(checkpoint(parts, step));
    REQUIRE(a.tensors.size() == b.tensors.size());
    for (size_t i = 0; i < a.tensors.size(); ++i) {
      INFO(a.tensors[i].first);
      CHECK(a.tensors[i].first == b.tensors[i].first);
      CHECK(same_bits(a.tensors[i].second, b.tensors[i].second));
    }
    CHECK(a.metadata.at("state") == b.metadata.at("state"));
  }
  CHECK(read_file(checkpoint(whole, steps)) == read_file(checkpoint(parts, steps)));
  CHECK(read_file(whole + "/metrics.csv") == read_file(parts + "/metrics.csv"));
}

TEST_CASE("train: killed at random moments and resumed, a run logs the same losses") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), whole = directory / "whole",
                    killed = directory / "killed";
  const Words length = {"--max-iters", "400"};
  output_of(tiny(text, whole, length));
  std::mt19937_64 random(1);
  int kills = 0;
  for (bool is_done = false; !is_done;) {
    const bool has_begun =
        std::filesystem::is_directory(killed) && !CheckpointDirectory(killed).steps().empty();
    Running run(has_begun ? resumed(killed) : tiny(text, killed, length));
    // Longer and longer, so that a slow machine gets through too.
    std::this_thread::sleep_for(
        std::chrono::milliseconds(random() % (60 + 10 * static_cast<unsigned>(kills))));
    run.send(SIGKILL);
    const int code = run.wait();
    REQUIRE((code == 0 || code == -SIGKILL));
    is_done = code == 0;
    kills += !is_done;
  }
  INFO(kills << " kills");
  CHECK(kills > 0);
  CHECK(read_file(killed + "/metrics.csv") == read_file(whole + "/metrics.csv"));
  CHECK(read_file(checkpoint(killed, 400)) == read_file(checkpoint(whole, 400)));
}

TEST_CASE("train: SIGINT and SIGTERM save and end with 130 and 143") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text());
  for (int signal : {SIGINT, SIGTERM}) {
    const std::string out = directory / std::to_string(signal);
    // Without a checkpoint on the way but the first.
    Running run(tiny(text, out, {"--max-iters", "100000000", "--eval-interval", "1000000"}));
    wait_for_rows(out, 5);
    run.send(signal);
    CHECK(run.wait() == 128 + signal);
    const std::vector<int64_t> steps = CheckpointDirectory(out).steps();
    REQUIRE(steps.size() == 2);
    CHECK(steps[1] >= 3);
    const std::string further = std::to_string(steps[1] + 2);
    output_of(resumed(out, {"--max-iters", further}));
    CHECK(CheckpointDirectory(out).steps().back() == steps[1] + 2);
    CHECK(rows(out + "/metrics.csv") == static_cast<size_t>(steps[1] + 2) + 2);
  }
}

TEST_CASE("train: a damaged newest checkpoint is passed over with a warning") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "20"}));
  const std::string undisturbed = read_file(checkpoint(out, 20));
  std::string flipped = undisturbed;
  flipped[flipped.size() / 2] ^= 1;
  write_file(checkpoint(out, 20), flipped);
  const Finished run = run_vitro(resumed(out));
  CHECK(run.code == 0);
  CHECK_THAT(run.err, StartsWith("vitro: ") && Contains("step-00000020.safetensors"));
  CHECK_THAT(run.out, Contains("going on after step 10"));
  CHECK(read_file(checkpoint(out, 20)) == undisturbed);
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
      {tiny(empty, other), 1, "empty.txt is empty"},
      {tiny(brief, other), 1, "a longer text expected: it has 13 tokens"},
      {tiny(text, other, {"--block-size", "1350"}), 1, "for --block-size 1350"},
      {tiny(directory / "none.txt", other), 1, "No such file"},
      {tiny(text, other, {"--lr", "0"}), 2, "--learning-rate: a positive number expected: \"0\""},
      {tiny(text, other, {"--lr", "-1"}), 2, "\"-1\""},
      {tiny(text, other, {"--lr", "nan"}), 2, "\"nan\""},
      {tiny(text, other, {"--dropout", "1"}), 2, "--dropout: a number from 0 to below 1"},
      {tiny(text, other, {"--min-lr", "1"}), 2, "--min-lr: at most --learning-rate"},
      {tiny(text, other, {"--warmup-iters", "51"}), 2, "--warmup-iters: at most the 50"},
      {tiny(text, out), 1, "holds a run of 10 steps: go on with --resume"},
      {tiny(text, text), 1, "--out-dir: a directory expected"},
      {tiny(text, "/proc/none"), 1, "--out-dir: a directory expected"},
      {resumed(directory / "none"), 1, "none: No such file or directory"},
      {resumed(directory / ""), 1, "has no step-*.safetensors"},
      {resumed(out, {"--lr", "0.1"}), 1, "--resume: --learning-rate 0.003 expected"},
      {resumed(out, {"--n-hidden", "9"}), 1, "--resume: --n-hidden 8 expected"},
      {resumed(out, {"--unk"}), 1, "--resume: --unk false expected"},
      {resumed(out, {brief}), 1, "--resume: text "},
      {{"eval", "--model", directory / "none"}, 1, "No such file"},
      {{"eval", "--model", text}, 1, "a checkpoint expected"},
      {{"eval", "--model", out, empty}, 1, "empty.txt is empty"},
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

TEST_CASE("train: options in a checkpoint are held to what the command line takes") {
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
      {"eval-interval", 0, "a whole number from 1 to 1,000,000,000 expected: \"0\""},
      {"batch-size", -1, "a whole number from 1"},
      {"batch-size", 1e300, "another type expected: number"},
      {"keep", uint64_t{1} << 63, "a whole number from 1"},
      {"dtype", "x", "one of float32|float64 expected: \"x\""},
      {"lr-schedule", "", "one of cosine|linear|constant"},
      {"learning-rate", 0, "a positive number"},
      {"dropout", 1, "a number from 0 to below 1"},
      {"unk", 1, "another type expected: number"},
      {"seed", nullptr, "another type expected: null"},
  };
  for (const auto& [name, value, says] : table) {
    check_refused(resume_with(name, value), 1, std::string("resume: option ") + name + ": " + says);
  }
  Checkpoint lacking = whole;
  json options = json::parse(whole.metadata.at("options"));
  options.erase("allow-special");
  lacking.metadata["options"] = options.dump();
  save_checkpoint(checkpoint(out, 1), lacking);
  check_refused(resumed(out, {"--max-iters", "2", "--allow-special"}), 1,
                "resume: a checkpoint with the option allow-special expected");

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
  check_refused(resumed(out, {"--max-iters", "2"}), 1, "fewer weights than its configuration asks");
  output_of(resume_with("log-interval", 1));
}

TEST_CASE("train: a loss that becomes NaN stops the run and keeps the last good checkpoint") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  check_fails(tiny(text, out, {"--lr", "1e30", "--grad-clip", "0", "--warmup-iters", "0"}), 1,
              "the loss at step 2 is not finite, and the first gradient that is not: embed.weight");
  check_fails(resumed(out), 1, "at step ");
  CHECK(CheckpointDirectory(out).latest().step == 0);
}

TEST_CASE("train: a full disk is an error that leaves the last checkpoint") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  check_refused(tiny(text, "/dev/full"), 1, "--out-dir: a directory expected");
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
