// Shows progress.
#include "apps/cli/progress.h"

#include <unistd.h>

#include <cstdio>

namespace vitro::cli {

using std::chrono::seconds;

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { end(); }

void ProgressLine::end() {
  if (terminal_ && is_shown_) std::fprintf(stderr, "\r\033[K");
  is_shown_ = false;
}

void ProgressLine::at(const std::string& stage, int64_t done, int64_t total) {
  if (const int signal = signals_.received()) throw Stopped{signal};
  const Clock::time_point now = Clock::now();
  const auto wait = !terminal_ ? seconds(10) : is_shown_ ? seconds(0) : seconds(1);
  if (now - last_ < wait) return;
  last_ = now, is_shown_ = true;
  const double share =
      total > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(total) : 0;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s: %.0f %%" : "%s: %.0f %%\n", stage.c_str(), share);
}

}  // namespace vitro::cli
