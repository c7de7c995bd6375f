// Makes oneDNN run on the calling thread alone, because vitro's own pool distributes the work.
#pragma once

namespace vitro::onednn {

// While an object of this class exists, oneDNN plans and runs the primitives of the calling thread
// on this thread alone.  Its destructor restores the user's number of OpenMP threads.
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
