// Notes SIGINT, SIGTERM and SIGHUP, so that the program can stop at a good point.
#pragma once
#include <csignal>
#include <iterator>

namespace vitro::cli {

// While an object exists, the first of these signals is only noted; a second one ends the program
// as usual.  A signal that was ignored before stays ignored (nohup and background jobs of a shell
// ignore some).  A closing terminal may send SIGHUP twice, so the second SIGHUP is ignored.  With
// kEnd, the first SIGHUP ends the program.
// SIGPIPE is ignored: a write to a closed pipe fails instead of ending the program.
class NotedSignals {
 public:
  static constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP};
  // After a signal was noted, a system call that waits (for example for input) continues with kGoOn
  // and fails with EINTR with kEnd.
  enum class Waits { kGoOn, kEnd };
  explicit NotedSignals(Waits waits = Waits::kGoOn);
  ~NotedSignals();
  NotedSignals(const NotedSignals&) = delete;
  NotedSignals& operator=(const NotedSignals&) = delete;
  int received() const;  // the noted signal, or 0
  void forget();         // forgets the noted signal

 private:
  void listen();
  Waits waits_;
  struct sigaction before_[std::size(kStops)], pipe_before_;
};

}  // namespace vitro::cli
