// SIGINT, SIGTERM and SIGHUP as notes, so that work ends where it is whole.
#pragma once
#include <csignal>
#include <iterator>

namespace vitro::cli {

// While it lives the first of these signals only leaves a note and any further one ends the program
// as ever; unless the program was started without them (as shells start what runs in the
// background, and nohup).  A terminal that closes may send SIGHUP twice, so the second is ignored;
// what waits for its input (kEnd) is ended by the first.  A pipe that closes is an error, not the
// end.
class NotedSignals {
 public:
  static constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP};
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
  struct sigaction before_[std::size(kStops)], pipe_before_;
};

}  // namespace vitro::cli
