// SIGINT and SIGTERM as notes, so that work ends where it is whole.
#pragma once
#include <csignal>

namespace vitro::cli {

// While it lives the first SIGINT or SIGTERM only leaves a note and any further one ends the
// program as ever; unless the program was started without them (as shells start what runs in the
// background).  A pipe that closes is an error, not the end.
class NotedSignals {
 public:
  // Whether a call that waits, as for input, goes on waiting after a note.
  enum class Waits { kGoOn, kEnd };
  explicit NotedSignals(Waits waits = Waits::kGoOn);
  ~NotedSignals();
  NotedSignals(const NotedSignals&) = delete;
  NotedSignals& operator=(const NotedSignals&) = delete;
  int received() const;  // the signal, or 0
  void forget();         // what was received

 private:
  void listen();
  Waits waits_;
  struct sigaction before_[2], pipe_before_;
};

}  // namespace vitro::cli
