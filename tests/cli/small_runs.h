// Small training runs of the program, for tests.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <thread>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "vitro.h"

namespace vitro::testing {

inline std::string short_text() {
  return read_file(source_path("examples/data/stories.txt")).substr(0, 1500);
}

// The arguments of a small run of a MiniLM with dropout, warm-up and accumulated batches.  An epoch
// has 42 steps.  `more` has options and their values, which replace the ones here.
inline Words tiny(const std::string& text, const std::string& out, const Words& more = {}) {
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
// The same for a GPT with grouped heads, rotary positions, SwiGLU and no biases.
inline Words tiny_gpt(const std::string& text, const std::string& out, const Words& more = {}) {
  Words all = tiny(text, out, more);
  for (const char* name : {"--n-hidden", "--context"}) {
    const auto at = std::ranges::find(all, name);
    all.erase(at, at + 2);
  }
  all.insert(all.end(), {"--n_layer=2", "--n_head=2", "--n-kv-head", "1", "--position", "rotary",
                         "--mlp", "swiglu", "--bias=False", "--lr-schedule", "linear"});
  return all;
}
inline Words resumed(const std::string& out, const Words& more = {}) {
  return with({"train", "--resume", "--out-dir", out}, more);
}
inline std::string checkpoint(const std::string& out, int64_t step) {
  return CheckpointDirectory(out).file(step);
}
inline size_t rows(const std::string& csv) {
  return std::filesystem::exists(csv)
             ? static_cast<size_t>(std::ranges::count(read_file(csv), '\n'))
             : 0;
}
// Waits, for at most a minute, until the run has written `count` lines of its metrics.
inline void wait_for_rows(const std::string& out, size_t count) {
  for (int i = 0; i < 6000 && rows(out + "/metrics.csv") < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(rows(out + "/metrics.csv") >= count);
}

}  // namespace vitro::testing
