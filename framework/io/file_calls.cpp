// The system calls for files, and write_all(), which writes all bytes.
#include "framework/io/file_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <utility>

namespace vitro {

namespace {

FileCalls g_system;
FileCalls* g_calls = &g_system;

// Blocks SIGXFSZ of this thread for a scope, and at its end discards a signal that came in between.
// (On Linux sigprocmask changes only the calling thread.)
class NoSizeSignal {
 public:
  NoSizeSignal() {
    sigset_t pending;
    sigemptyset(&size_);
    sigaddset(&size_, SIGXFSZ);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    sigprocmask(SIG_BLOCK, &size_, &before_);
  }
  ~NoSizeSignal() {
    const timespec at_once{};
    if (!was_pending_) sigtimedwait(&size_, nullptr, &at_once);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSizeSignal(const NoSizeSignal&) = delete;
  NoSizeSignal& operator=(const NoSizeSignal&) = delete;

 private:
  sigset_t size_, before_;
  bool was_pending_;
};

}  // namespace

FileCalls::~FileCalls() = default;
int FileCalls::open(const char* path, int flags, unsigned mode) {
  return ::open(path, flags, mode);
}
int64_t FileCalls::write(int file, const void* data, size_t size) {
  return ::write(file, data, size);
}
int FileCalls::fsync(int file) { return ::fsync(file); }
int FileCalls::close(int file) { return ::close(file); }
int FileCalls::rename(const char* from, const char* to) { return std::rename(from, to); }
int FileCalls::unlink(const char* path) { return ::unlink(path); }

FileCalls& file_calls() { return *g_calls; }

ScopedFileCalls::ScopedFileCalls(FileCalls& calls) : before_(std::exchange(g_calls, &calls)) {}
ScopedFileCalls::~ScopedFileCalls() { g_calls = before_; }

int write_all(int file, const void* data, size_t size) {
  const NoSizeSignal guard;
  auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const int64_t written = g_calls->write(file, bytes, size);
    if (written < 0 && errno != EINTR) return errno;
    if (written == 0) return ENOSPC;
    if (written < 0) continue;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return 0;
}

}  // namespace vitro
