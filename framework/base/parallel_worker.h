// A thread with a name that is joined: the only way to start one outside the pool.
#pragma once
#include <exception>
#include <functional>
#include <string>
#include <thread>

namespace vitro {

// Starts a thread that runs f.  It has that name (15 bytes at most), reads and writes denormal
// numbers as zero, and leaves signals to the threads of the program.  f must not throw.
std::thread start_thread(const std::string& name, std::function<void()> f);

// Runs f on a thread of its own.
class Worker {
 public:
  Worker(const std::string& name, std::function<void()> f);
  ~Worker();  // waits for f; an exception that nobody asked for is dropped
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void join();  // waits for f, and rethrows what it threw

 private:
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace vitro
