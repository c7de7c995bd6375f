// Installs signal handlers that only note the signal.
#include "apps/cli/signals.h"

#include <cstddef>
#include <iterator>

namespace vitro::cli {

namespace {

constexpr auto& kStops = NotedSignals::kStops;
volatile std::sig_atomic_t received_signal = 0, is_noted[std::size(kStops)] = {};

void note(int signal) {
  received_signal = signal;
  for (size_t i = 0; i < std::size(kStops); ++i)
    if (is_noted[i]) std::signal(kStops[i], kStops[i] == SIGHUP ? SIG_IGN : SIG_DFL);
}

void set(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

NotedSignals::NotedSignals(Waits waits) : waits_(waits) {
  for (size_t i = 0; i < std::size(kStops); ++i) {
    sigaction(kStops[i], nullptr, &before_[i]);
    is_noted[i] =
        before_[i].sa_handler != SIG_IGN && (kStops[i] != SIGHUP || waits == Waits::kGoOn);
  }
  listen();
  sigaction(SIGPIPE, nullptr, &pipe_before_);
  set(SIGPIPE, SIG_IGN, SA_RESTART);
}

NotedSignals::~NotedSignals() {
  for (size_t i = 0; i < std::size(kStops); ++i) sigaction(kStops[i], &before_[i], nullptr);
  sigaction(SIGPIPE, &pipe_before_, nullptr);
}

int NotedSignals::received() const { return received_signal; }

void NotedSignals::forget() {
  received_signal = 0;
  listen();
}

void NotedSignals::listen() {
  for (size_t i = 0; i < std::size(kStops); ++i)
    if (is_noted[i]) set(kStops[i], note, waits_ == Waits::kGoOn ? SA_RESTART : 0);
}

}  // namespace vitro::cli
