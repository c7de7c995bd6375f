// Starts threads.
#include "framework/base/parallel_worker.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "framework/base/parallel.h"

namespace vitro {

std::thread start_thread(const std::string& name, std::function<void()> f) {
  // A thread inherits the signal mask of the thread that starts it.
  sigset_t all, before;
  sigfillset(&all);
  // Signals for faults of the thread itself must reach the program's handlers.
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&before] { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  try {
    std::thread thread([f = std::move(f), name = name.substr(0, 15)] {
      pthread_setname_np(pthread_self(), name.c_str());
      FlushToZero flush;
      f();
    });
    restore();
    return thread;
  } catch (...) {
    restore();
    throw;
  }
}

Worker::Worker(const std::string& name, std::function<void()> f)
    : thread_(start_thread(name, [this, f = std::move(f)] {
        try {
          f();
        } catch (...) { error_ = std::current_exception(); }
      })) {}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace vitro
