// The system calls of a durable save.  Tests put others in their place, to fail or stop at each.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vitro {

struct FileCalls {
  virtual ~FileCalls();
  virtual int open(const char* path, int flags, unsigned mode);
  virtual int64_t write(int file, const void* data, size_t size);
  virtual int fsync(int file);
  virtual int close(int file);
  virtual int rename(const char* from, const char* to);
  virtual int unlink(const char* path);
};

FileCalls& file_calls();  // those that serve the program

// `calls` serve the whole program for a scope.
class ScopedFileCalls {
 public:
  explicit ScopedFileCalls(FileCalls& calls);
  ~ScopedFileCalls();
  ScopedFileCalls(const ScopedFileCalls&) = delete;
  ScopedFileCalls& operator=(const ScopedFileCalls&) = delete;

 private:
  FileCalls* before_;
};

// Writes all bytes, whatever interrupts or shortens a call.  Returns an errno, 0 if all is well.  A
// write beyond the limit of file sizes (ulimit -f) is EFBIG, and no SIGXFSZ ends the process.
int write_all(int file, const void* data, size_t size);

}  // namespace vitro
