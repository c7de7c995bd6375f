// Keeps oneDNN on the calling thread: vitro's own pool shares the work out.
#pragma once

namespace vitro::onednn {

// For its scope, oneDNN plans and runs primitives of the calling thread on this thread alone.
// The number of threads that the user has set for OpenMP comes back at the end.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace vitro::onednn
