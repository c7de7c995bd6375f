// Neighbours: programs that use the same cores while a benchmark runs.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace vitro::bench {

enum class Company {
  kNone,
  kOneLoop,       // one busy loop
  kTwoLoops,      // two busy loops
  kLoopPerCore,   // one busy loop per core
  kLoopAndTurns,  // a busy loop, and a program that computes 3 ms and rests 3 ms
};
std::string name_of(Company company);

// Runs neighbours, each in its own process, until the destructor ends them.
class Neighbours {
 public:
  explicit Neighbours(Company company);
  explicit Neighbours(const std::function<void()>& again_and_again);  // in one process
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

 private:
  void start(const std::function<void()>& forever);
  std::vector<pid_t> processes_;
};

}  // namespace vitro::bench
