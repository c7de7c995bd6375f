// System calls that a test can make fail or stop.
#pragma once
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "framework/io/file.h"
#include "framework/io/file_calls.h"

namespace vitro::testing {

// Thrown in the middle of a save, which then cleans nothing up: the files stay as after a kill.
struct Killed {};

// Counts the calls and calls `at` before each one.  If `at` returns 0, the call is made; if it
// returns an errno, the call fails with it.  After `at` has thrown Killed, all calls do nothing, as
// in a dead process.
class Calls : public FileCalls {
 public:
  std::function<int(size_t n, const std::string& call)> at;
  bool short_writes = false;  // whether each write takes only one byte
  std::vector<std::string> made;

  int open(const char* path, int flags, unsigned mode) override {
    return fails("open") ? -1 : FileCalls::open(path, flags, mode);
  }
  int64_t write(int file, const void* data, size_t size) override {
    return fails("write") ? -1 : FileCalls::write(file, data, short_writes ? 1 : size);
  }
  int fsync(int file) override { return fails("fsync") ? -1 : FileCalls::fsync(file); }
  int close(int file) override {  // closes the file even if it reports an error
    bool failed = false;
    try {
      failed = !dead_ && fails("close");
    } catch (const Killed&) {
      FileCalls::close(file);  // as the system does for a dead process
      throw;
    }
    return FileCalls::close(file) != 0 || failed ? -1 : 0;
  }
  int rename(const char* from, const char* to) override {
    return fails("rename") ? -1 : FileCalls::rename(from, to);
  }
  int unlink(const char* path) override { return fails("unlink") ? -1 : FileCalls::unlink(path); }

 private:
  bool fails(const char* call) {
    if (dead_) return errno = EIO, true;
    made.push_back(call);
    try {
      const int error = at ? at(made.size() - 1, call) : 0;
      if (error) errno = error;
      return error != 0;
    } catch (const Killed&) {
      dead_ = true;
      throw;
    }
  }
  bool dead_ = false;
};

}  // namespace vitro::testing
