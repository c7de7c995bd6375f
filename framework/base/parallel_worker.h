// Starts threads.  Every thread of the library outside of the pool is a Worker, which is joined.
#pragma once
#include <exception>
#include <functional>
#include <string>
#include <thread>

namespace vitro {

// Starts a thread that runs f.  The thread gets the first 15 bytes of `name`, treats denormal
// numbers as zero, and blocks signals, so that the program's threads get them.  f must not throw.
std::thread start_thread(const std::string& name, std::function<void()> f);

// Runs f on a thread of its own.
class Worker {
 public:
  Worker(const std::string& name, std::function<void()> f);
  ~Worker();  // waits for f; drops its exception if join() was not called
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void join();  // waits for f, and rethrows its exception

 private:
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace vitro
