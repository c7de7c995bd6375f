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

}  // namespace vitro
