// Tests checkpoints: one changed byte is found, and at every moment an undamaged checkpoint exists.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <random>

#include "framework/io/file.h"
#include "tests/support/file_calls.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

namespace {

// A checkpoint that has the step in its tensors and in its metadata.
Checkpoint of_step(int64_t step) {
  return {.tensors = {{"model.w", full({3, 5}, static_cast<double>(step))},
                      {"optimizer.w.step", full({}, static_cast<double>(step), kInt64)}},
          .metadata = {{"step", std::to_string(step)}, {"tokenizer", "{\"a\":\"\\\"\"}"}}};
}
bool is_of_step(const Checkpoint& c, int64_t step) {
  if (c.metadata != of_step(step).metadata || c.tensors.size() != 2) return false;
  for (const auto& [name, x] : c.tensors)
    for (int64_t i = 0; i < x.numel(); ++i)
      if (x.to(kInt64).data<int64_t>()[i] != step) return false;
  return true;
}

std::vector<int64_t> steps(std::initializer_list<int64_t> all) { return all; }

}  // namespace

TEST_CASE("checkpoint: load returns the saved tensors and metadata") {
  TemporaryDirectory directory;
  save_checkpoint(directory / "c", of_step(7));
  CHECK(is_of_step(load_checkpoint(directory / "c"), 7));
  const std::string first = read_file(directory / "c");
  save_checkpoint(directory / "c", of_step(7));
  CHECK(read_file(directory / "c") == first);
}

TEST_CASE("checkpoint: any changed byte is found") {
  TemporaryDirectory directory;
  save_checkpoint(directory / "c", of_step(7));
  const std::string good = read_file(directory / "c");
  std::mt19937 random(1);
  for (size_t i = 0; i < good.size(); ++i)
    for (int times = 0; times < 3; ++times) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (times == 0 ? 1 : 1 + random() % 255));
      INFO(i);
      CHECK_THROWS_AS(load_checkpoint(directory.write("bad", bad)), IoError);
    }
  for (size_t n = 0; n < good.size(); n += 13)
    CHECK_THROWS_AS(load_checkpoint(directory.write("bad", good.substr(0, n))), IoError);
  CHECK_THROWS_AS(load_checkpoint(directory.write("bad", good + '\0')), IoError);
  save_safetensors(directory / "plain", {{"x", ones({1})}});
  CHECK_THROWS_WITH(load_checkpoint(directory / "plain"),
                    Contains("expected a file with a checksum, got one without"));
}

TEST_CASE("checkpoint: prefixes of names are added and removed") {
  const NamedTensors all = with_prefix("model.", {{"a", ones({1})}, {"b", ones({2})}});
  CHECK(all[1].first == "model.b");
  CHECK(under_prefix("model.", all)[1].first == "b");
  CHECK(under_prefix("optimizer.", all).empty());
}

TEST_CASE("checkpoints: the newest are kept, the newest undamaged one is found") {
  TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  CHECK_THROWS_WITH(run.latest(),
                    Contains(": expected a run of vitro train with step-*.safetensors, got none"));
  directory.write("step-1.txt", "");
  directory.write("step-x.safetensors", "");
  directory.write("step-00000001.safetensors.tmp", "half");
  for (int64_t step : {10, 20, 30}) run.save(step, of_step(step), 2);
  CHECK(run.steps() == steps({20, 30}));
  CHECK_FALSE(std::filesystem::exists(directory / "step-00000001.safetensors.tmp"));
  run.save(40, of_step(40), 2, /*spared=*/20);
  CHECK(run.steps() == steps({20, 30, 40}));
  remove_file(run.file(40));
  CHECK(std::filesystem::exists(directory / "step-1.txt"));
  CHECK(run.latest().step == 30);
  CHECK(run.latest().damaged.empty());

  std::string bytes = read_file(run.file(30));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
  directory.write("step-00000030.safetensors", bytes);
  const auto found = run.latest();
  CHECK(found.step == 20);
  CHECK(is_of_step(found.checkpoint, 20));
  REQUIRE(found.damaged.size() == 1);
  CHECK_THAT(found.damaged[0], Contains("step-00000030.safetensors"));
  directory.write("step-00000020.safetensors", "");
  CHECK_THROWS_WITH(run.latest(), Contains(": expected a checkpoint that is not damaged"));
  CHECK_THROWS_AS(CheckpointDirectory(directory / "none").latest(), IoError);
  CHECK_THROWS_AS(run.save(40, of_step(40), 0), ValueError);
}

TEST_CASE("checkpoints: a checkpoint with a lower step than the others is kept too") {
  TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  run.save(30, of_step(30), 1);
  run.save(10, of_step(10), 1);
  CHECK(is_of_step(load_checkpoint(run.file(10)), 10));
}

TEST_CASE("checkpoints: every call of a save fails in turn, and the old one is intact") {
  const int error = GENERATE(EIO, ENOSPC);
  TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  run.save(1, of_step(1), 1);
  for (size_t n = 0, hits = 1; hits; ++n) {
    Calls calls;
    hits = 0;
    calls.at = [&](size_t i, const std::string&) { return i == n ? ++hits, error : 0; };
    bool threw = false;
    {
      ScopedFileCalls scope(calls);
      try {
        run.save(2, of_step(2), 1);
      } catch (const IoError&) { threw = true; }
    }
    const auto found = run.latest();
    CHECK(is_of_step(found.checkpoint, found.step));
    CHECK(found.damaged.empty());
    if (!threw) CHECK(found.step == 2);
    for (const auto& file : std::filesystem::directory_iterator(directory / ""))
      CHECK(file.path().extension() == ".safetensors");
    run.save(1, of_step(1), 2);
    remove_file(run.file(2));
  }
}

TEST_CASE("checkpoints: killed before and after every call, an undamaged one exists") {
  TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  run.save(1, of_step(1), 1);
  std::set<int64_t> seen;
  for (size_t n = 0, hits = 1; hits; ++n) {
    Calls calls;
    hits = 0;
    calls.at = [&](size_t i, const std::string&) -> int {
      if (i == n) {
        ++hits;
        throw Killed();
      }
      return 0;
    };
    {
      ScopedFileCalls scope(calls);
      if (n < 8) CHECK_THROWS_AS(run.save(2, of_step(2), 1), Killed);
      else try {
          run.save(2, of_step(2), 1);
        } catch (const Killed&) {}
    }
    const auto found = run.latest();
    seen.insert(found.step);
    CHECK(is_of_step(found.checkpoint, found.step));
    CHECK(found.damaged.empty());
    run.save(1, of_step(1), 2);
    remove_file(run.file(2));
    for (const auto& file : std::filesystem::directory_iterator(directory / ""))
      CHECK(file.path().extension() == ".safetensors");
  }
  CHECK(seen == std::set<int64_t>{1, 2});
}

TEST_CASE("checkpoints: the step is a whole number of at least 0") {
  Checkpoint checkpoint;
  checkpoint.metadata["step"] = "12";
  CHECK(checkpoint.step() == 12);
  for (const char* wrong : {"", "-1", "x", "1x", " 1", "1.5", "9223372036854775808"}) {
    checkpoint.metadata["step"] = wrong;
    CHECK_THROWS_WITH(checkpoint.step(), Contains("step") && Contains(wrong));
  }
  CHECK_THROWS_AS(Checkpoint().step(), IoError);
}

TEST_CASE("checkpoints: SIGKILL at a random moment of frequent saving leaves an undamaged one",
          "[slow]") {
  TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  run.save(0, of_step(0), 3);
  std::mt19937 random(7);
  int64_t last = 0;
  for (int round = 0; round < 200; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (int64_t step = last + 1;; ++step) run.save(step, of_step(step), 3);
    }
    ::usleep(random() % 3000);
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    const auto found = run.latest();
    CHECK(found.damaged.empty());
    CHECK(is_of_step(found.checkpoint, found.step));
    CHECK(found.step >= last);
    last = found.step;
  }
  CHECK(last > 0);
}
