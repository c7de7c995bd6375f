// Tests the directory of a training run: its lock, missing files, full disks and its loss curve.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/small_runs.h"
#include "tests/support/refusal.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// The names, contents and times of the files in a directory.
std::map<std::string, std::pair<std::string, fs::file_time_type>> state_of(
    const std::string& path) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> state;
  state["."] = {"", fs::last_write_time(path)};
  for (const auto& file : fs::directory_iterator(path))
    state[file.path().filename().string()] = {read_file(file.path().string()),
                                              file.last_write_time()};
  return state;
}

Words endless(const std::string& text, const std::string& out) {
  return tiny(text, out, {"--max-iters", "100000000", "--eval-interval", "1000000"});
}

void check_nothing_temporary(const std::string& directory) {
  for (const auto& file : fs::directory_iterator(directory))
    CHECK_THAT(file.path().filename().string(), !Contains(".tmp"));
}

}  // namespace

TEST_CASE("train: a second run in a directory is refused and touches nothing") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  Running first(endless(text, out));
  wait_for_rows(out, 5);
  first.send(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto before = state_of(out);
  CHECK(before.contains("vitro.lock"));
  const std::string says = out + ": another run trains in this directory; wait for its end";
  check_refused(tiny(text, out, {"--max-iters", "1"}), 1, says);
  check_refused(resumed(out, {"--max-iters", "100"}), 1, says);
  check_refused(resumed(out + "/../out/"), 1, "another run trains in this directory");
  CHECK(state_of(out) == before);
  first.send(SIGCONT);
  first.send(SIGKILL);
  first.wait();
  const std::string further = std::to_string(CheckpointDirectory(out).steps().back() + 2);
  output_of(resumed(out, {"--max-iters", further}));  // the killed process has released the lock
  CHECK(!fs::exists(out + "/vitro.lock"));
}

TEST_CASE("train: if two runs begin at once, one is refused and the other trains") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text());
  for (int round = 0; round < 3; ++round) {
    const std::string out = directory / std::to_string(round);
    const Words arguments = tiny(text, out, {"--max-iters", "3000", "--eval-interval", "10"});
    Running one(arguments), two(arguments);
    const int a = one.wait(), b = two.wait();
    CHECK(std::min(a, b) == 0);
    CHECK(std::max(a, b) == 1);
    output_of(resumed(out, {"--max-iters", "3001"}));
  }
}

TEST_CASE("train: a missing tokens.bin is made again from the text") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out",
                    tokens = out + "/tokens.bin";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  const std::string bytes = read_file(tokens);
  const json evaluated = json_of({"eval", "--model", out, "--json"});
  remove_file(tokens);
  CHECK(json_of({"eval", "--model", out, "--json"}) == evaluated);
  CHECK_THAT(output_of(resumed(out, {"--max-iters", "2"})),
             Contains("tokens.bin was missing and was made again"));
  CHECK(read_file(tokens) == bytes);

  remove_file(tokens);
  const std::string moved = directory / "moved.txt";
  fs::rename(text, moved);
  check_refused(resumed(out, {"--max-iters", "3"}), 1,
                tokens + ": it is missing and cannot be made again: " + text +
                    ": cannot be read: No such file");
  check_refused({"eval", "--model", out}, 1, text + ": cannot be read: No such file");
  const std::string other = directory.write("other.txt", short_text() + "!");
  check_refused(resumed(out, {"--max-iters", "3", other}), 1,
                "other.txt: it is not the text that the run was started with; give the text: ");
  CHECK(!fs::exists(tokens));
  output_of(resumed(out, {"--max-iters", "3", moved}));
  CHECK(read_file(tokens) == bytes);
  output_of(resumed(out, {"--max-iters", "4"}));
}

TEST_CASE("train: a closed terminal saves like SIGTERM, even if it sends SIGHUP twice") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const auto before = std::signal(SIGHUP, SIG_DFL);
  Running run(endless(text, out));
  std::signal(SIGHUP, before);
  wait_for_rows(out, 5);
  run.send(SIGHUP);
  run.send(SIGHUP);
  CHECK(run.wait() == 128 + SIGHUP);
  const int64_t last = CheckpointDirectory(out).steps().back();
  CHECK(last >= 3);
  output_of(resumed(out, {"--max-iters", std::to_string(last + 2)}));
  check_nothing_temporary(out);
}

TEST_CASE("train: a write beyond the limit of file sizes leaves no temporary file") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small = {50'000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Finished large = run_vitro(tiny(text, out, {"--n-hidden", "5000"})),
                 tokens = run_vitro({"tokenize", "--out", out + "/all.tokens"});
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(large.code == 1);
  CHECK_THAT(large.err, Contains("step-00000000.safetensors: cannot be written: File too large"));
  CHECK(tokens.code == 1);
  CHECK_THAT(tokens.err, Contains("all.tokens: cannot be written: File too large"));
  check_nothing_temporary(out);
}

TEST_CASE("train: --max-iters below the steps of the run is refused, and equal is no error") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "20"}));
  check_refused(
      resumed(out, {"--max-iters", "10"}), 2,
      "--max-iters: expected at least the 20 steps that the run in " + out + " has done, got 10");
  CHECK_THAT(output_of(resumed(out, {"--max-iters", "20"})), Contains("--max-iters N adds more"));
  CHECK_THAT(output_of(resumed(out)), Contains("The run has done all its steps"));
}

TEST_CASE("train: the validation loss is the same that eval computes") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text());
  for (const auto& begin : {tiny, tiny_gpt}) {
    const std::string out = directory / (begin == tiny ? "mini" : "gpt");
    output_of(begin(text, out, {"--max-iters", "10"}));
    const models::Metrics metrics(out, 10);
    REQUIRE(metrics.rows().back().validation_loss);
    CHECK(json_of({"eval", "--model", out, "--json"})["loss"] ==
          Approx(*metrics.rows().back().validation_loss).epsilon(1e-6));
  }
  CHECK_THAT(output_of(tiny(text, directory / "few", {"--max-iters", "1", "--eval-iters", "3"})),
             Contains("150 to validate (the first 49 by --eval-iters)"));
}

TEST_CASE("train: learning by heart is reported once, and the best checkpoint is kept") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const Words options = {"--n-embd",
                         "16",
                         "--n-hidden",
                         "64",
                         "--context",
                         "4",
                         "--dropout",
                         "0",
                         "--weight-decay",
                         "0",
                         "--batch-size",
                         "4",
                         "--block-size",
                         "16",
                         "--lr",
                         "0.01",
                         "--lr-decay-iters",
                         "600",
                         "--gradient-accumulation-steps",
                         "1",
                         "--max-iters",
                         "600",
                         "--keep",
                         "1",
                         "--log-interval",
                         "50",
                         "--eval-interval",
                         "50"};
  const std::string shown = output_of(tiny(text, out, options));
  const std::string told = "while the training loss falls: the model learns its text";
  CHECK_THAT(shown, Contains(told));
  CHECK(shown.find(told) == shown.rfind(told));
  const std::vector<int64_t> steps = CheckpointDirectory(out).steps();
  REQUIRE(steps.size() == 2);
  const models::Metrics metrics(out, 600);
  REQUIRE(metrics.best());
  CHECK(steps == std::vector<int64_t>{metrics.best()->step, 600});
  CHECK_THAT(shown, Contains("The lowest validation loss, ") &&
                        Contains("vitro generate --model " + checkpoint(out, steps[0])));
}

TEST_CASE("metrics: the best row, and whether only the validation loss rises") {
  using Losses = std::vector<std::pair<double, double>>;  // smoothed and validation
  const struct {
    Losses losses;
    bool overfits;
    int64_t best;
  } table[] = {
      {{{4, 4}, {3, 3}, {2, 2}}, false, 2},
      {{{4, 4}, {3, 3}, {2, 3.3}}, false, 1},              // once
      {{{4, 4}, {3, 3}, {2, 3.3}, {1.9, 3.4}}, true, 1},   // twice
      {{{4, 4}, {3, 3}, {3, 3.3}, {3.1, 3.4}}, false, 1},  // both rise
      {{{4, 4}, {3, 3}, {2, 3.1}, {1, 3.1}}, false, 1},    // by less than a twentieth
      {{{4, 4}, {3, 3}, {2, 3.3}, {1, 2.9}, {1, 3.3}}, false, 3},
      {{{4, 4}, {3, 4.5}, {2, 4.5}}, true, 0},
  };
  for (const auto& [losses, overfits, best] : table) {
    const TemporaryDirectory directory;
    models::Metrics metrics(directory / "", 0);
    CHECK(!metrics.best());
    CHECK(!metrics.overfits());
    for (int64_t step = 0; const auto& [smoothed, validation] : losses)
      metrics.add({.step = step++, .smoothed_loss = smoothed, .validation_loss = validation}, 0, 0);
    CAPTURE(losses);
    CHECK(metrics.overfits() == overfits);
    CHECK(metrics.best()->step == best);
  }
}

TEST_CASE("train: the curve has a title and labels, from the first step on") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(
      tiny(text, out, {"--max-iters", "30", "--log-interval", "20", "--eval-interval", "30"}));
  std::vector<int64_t> steps;
  const models::Metrics metrics(out, 30);
  for (const models::MetricsRow& row : metrics.rows()) steps.push_back(row.step);
  CHECK(steps == std::vector<int64_t>{0, 1, 20, 30});
  CHECK_THAT(read_file(out + "/loss.svg"), Contains("class=\"title\"") &&
                                               Contains("loss in nats per token") &&
                                               Contains(">training step<"));
}
