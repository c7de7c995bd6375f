// Starts and ends neighbours.
#include "bench/company/neighbours.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace vitro::bench {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void loop() {
  for (volatile unsigned i = 0;;) i = i + 1;
}
[[noreturn]] void turns() {
  for (;;) {
    for (const auto begin = Clock::now(); Clock::now() - begin < std::chrono::milliseconds(3);) {}
    usleep(3000);
  }
}

}  // namespace

std::string name_of(Company company) {
  switch (company) {
    case Company::kNone: return "alone";
    case Company::kOneLoop: return "one loop";
    case Company::kTwoLoops: return "two loops";
    case Company::kLoopPerCore: return "loop per core";
    case Company::kLoopAndTurns: return "loop and turns";
  }
  return "";
}

Neighbours::Neighbours(Company company) {
  int loops = company == Company::kNone ? 0 : 1;
  if (company == Company::kTwoLoops) loops = 2;
  if (company == Company::kLoopPerCore) loops = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  for (int i = 0; i < loops; ++i) start(loop);
  if (company == Company::kLoopAndTurns) start(turns);
}

Neighbours::Neighbours(const std::function<void()>& again_and_again) {
  start([&] {
    for (;;) again_and_again();
  });
}

Neighbours::~Neighbours() {
  for (const pid_t process : processes_) kill(process, SIGKILL);
  for (const pid_t process : processes_) waitpid(process, nullptr, 0);
}

void Neighbours::start(const std::function<void()>& forever) {
  const pid_t process = fork();
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it ends with the benchmark
    forever();
    _exit(0);
  }
  if (process > 0) processes_.push_back(process);
}

}  // namespace vitro::bench
