// System calls that fail or stop where a test wants it.
#pragma once
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "framework/io/file.h"
#include "framework/io/file_calls.h"

namespace vitro::testing {

// What a killed process would leave: thrown out of the middle of a save, nothing cleaned up after.
struct Killed {};

// Counts the calls and lets `at` act before the n-th: return an errno to fail with, 0 to go on, or
// throw.  Once it threw Killed nothing is done any more, as in a process that is dead.
class Calls : public FileCalls {
 public:
  std::function<int(size_t n, const std::string& call)> at;
  bool short_writes = false;  // one byte at a time
  std::vector<std::string> made;

  int open(const char* path, int flags, unsigned mode) override {
    return fails("open") ? -1 : FileCalls::open(path, flags, mode);
  }
  int64_t write(int file, const void* data, size_t size) override {
    return fails("write") ? -1 : FileCalls::write(file, data, short_writes ? 1 : size);
  }
  int fsync(int file) override { return fails("fsync") ? -1 : FileCalls::fsync(file); }
  int close(int file) override {  // which closes even where it reports an error
    bool failed = false;
    try {
      failed = !dead_ && fails("close");
    } catch (const Killed&) {
      FileCalls::close(file);  // as the system does for the dead
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
