// Tests vitro train, eval and generate --model in real processes.  A run that is stopped or killed
// and then resumed ends like an undisturbed run.

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "models/text/unicode/utf8.h"
#include "tests/cli/small_runs.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

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

  // eval reads tokens.bin, so the text may be gone; --model may also name a checkpoint.
  std::filesystem::rename(text, directory / "moved.txt");
  CHECK(json::parse(output_of({"eval", "--model", out, "--json"})) == eval);
  CHECK(json::parse(output_of({"eval", "--model", checkpoint(out, 20), "--json"}))["loss"] ==
        eval["loss"]);
  CHECK(generated["ids"].size() == 12);
}

TEST_CASE("eval: prints the loss over the last tenth of the tokens, also in bits per character") {
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

TEST_CASE("train: a terminal shows a progress line, other outputs get only whole lines") {
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

TEST_CASE("train: --explain takes the activation and tokenizer from the model") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1", "--activation", "relu", "--tokenizer", "word"}));
  const std::string explained =
      output_of({"generate", "--model", out, "--prompt", "the", "--explain", "--quiet"});
  CHECK_THAT(explained, Contains("relu") && !Contains("gelu"));
  CHECK_THAT(explained, Contains("one per word (--tokenizer word)"));
}

TEST_CASE("train: a closed pipe ends the run, and its steps are saved") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const Words endless = tiny(text, out, {"--max-iters", "100000000", "--eval-interval", "1000000"});
  start_of_output(endless, 2000, 600, /*kill=*/false);
  const std::vector<int64_t> steps = CheckpointDirectory(out).steps();
  REQUIRE(steps.size() == 2);
  CHECK(steps[1] >= 10);
}

TEST_CASE("train: a run ignores SIGINT if its parent ignored SIGINT") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const auto before = std::signal(SIGINT, SIG_IGN);
  Running run(tiny(text, out, {"--max-iters", "20000", "--eval-interval", "20000"}));
  std::signal(SIGINT, before);
  wait_for_rows(out, 3);
  run.send(SIGINT);
  CHECK(run.wait() == 0);
}

TEST_CASE("train: a file name need not be UTF-8") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a\xff.txt", short_text()), out = directory / "out";
  output_of(tiny(text, out, {"--max-iters", "1"}));
  output_of({"train", text, "--resume", "--out-dir", out, "--max-iters", "2"});
  output_of({"eval", "--model", out});
}

TEST_CASE(
    "train: a run that is resumed after every step ends bit for bit like an undisturbed one") {
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
    // The time until the kill grows, so that the run also ends on a slow machine.
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
    // The run saves no checkpoint between the first one and the signal.
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

TEST_CASE("train: a resumed run says that its learning rate has already reached the lowest") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", short_text()), out = directory / "out";
  const Words more = {"--lr-decay-iters", "5", "--min-lr", "0.0002"};
  CHECK_THAT(output_of(tiny(text, out, with({"--max-iters", "5"}, more))),
             !Contains("--lr-decay-iters"));
  CHECK_THAT(
      output_of(resumed(out, {"--max-iters", "7"})),
      Contains("0.0002 from step 5 on, the --lr-decay-iters with which the run was started"));
  const std::string constant = directory / "constant";
  output_of(tiny(text, constant, with({"--max-iters", "5", "--lr-schedule", "constant"}, more)));
  CHECK_THAT(output_of(resumed(constant, {"--max-iters", "7"})), !Contains("--lr-decay-iters"));
}

TEST_CASE("train: a damaged newest checkpoint is skipped with a warning") {
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
  CHECK_THAT(run.out, Contains("continued after step 10"));
  CHECK(read_file(checkpoint(out, 20)) == undisturbed);
}
