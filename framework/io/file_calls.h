// The system calls of a durable save.  Tests replace them, to make each call fail or stop.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vitro {

// By default each function makes the system call of its name.
struct FileCalls {
  virtual ~FileCalls();
  virtual int open(const char* path, int flags, unsigned mode);
  virtual int64_t write(int file, const void* data, size_t size);
  virtual int fsync(int file);
  virtual int close(int file);
  virtual int rename(const char* from, const char* to);
  virtual int unlink(const char* path);
};

FileCalls& file_calls();  // the calls in use

// Makes the whole program use `calls` for a scope.
class ScopedFileCalls {
 public:
  explicit ScopedFileCalls(FileCalls& calls);
  ~ScopedFileCalls();
  ScopedFileCalls(const ScopedFileCalls&) = delete;
  ScopedFileCalls& operator=(const ScopedFileCalls&) = delete;

 private:
  FileCalls* before_;
};

// Writes all bytes, even if a call is interrupted or writes fewer.  Returns an errno, or 0.  Beyond
// the limit of file sizes (ulimit -f) this is EFBIG; no SIGXFSZ ends the process.
int write_all(int file, const void* data, size_t size);

}  // namespace vitro
