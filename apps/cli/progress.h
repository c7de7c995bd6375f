// Shows on standard error how far a long work is.
#pragma once
#include <chrono>
#include <string>

#include "apps/cli/signals.h"

namespace vitro::cli {

// A signal has asked the program to stop.
struct Stopped {
  int signal;
};

// On a terminal, one line that is overwritten; else a line now and then.  Nothing is shown in the
// first seconds.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Call it often.  Throws Stopped after SIGINT, SIGTERM or SIGHUP.
  void at(const std::string& stage, int64_t done, int64_t total);
  void end();  // clears the line

 private:
  using Clock = std::chrono::steady_clock;
  NotedSignals signals_;
  const bool terminal_;
  Clock::time_point last_ = Clock::now();
  bool is_shown_ = false;
};

}  // namespace vitro::cli
