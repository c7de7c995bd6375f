// Files through POSIX calls, each return code checked.
#include "framework/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "framework/base/error.h"
#include "framework/io/file_calls.h"

namespace vitro {

namespace {

FileCalls g_system;
FileCalls* g_calls = &g_system;

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse_read(const std::string& path, const std::string& why) {
  fail<IoError>("read_file: a readable file expected: ", path, ": ", why);
}

// Makes a rename durable.  Some file systems refuse to sync a directory: EINVAL is no loss.
int sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int file = g_calls->open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (file < 0) return errno;
  const int error = g_calls->fsync(file) == 0 || errno == EINVAL ? 0 : errno;
  g_calls->close(file);
  return error;
}

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

ScopedFileCalls::ScopedFileCalls(FileCalls& calls) : before_(std::exchange(g_calls, &calls)) {}
ScopedFileCalls::~ScopedFileCalls() { g_calls = before_; }

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".tmp") {
  struct stat status;
  if (::lstat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
      !S_ISLNK(status.st_mode)) {
    fail<IoError>("write_file: a writable file expected: ", path_, ": it is ",
                  S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  }
  g_calls->unlink(temporary_.c_str());  // what a killed save left behind
  file_ = g_calls->open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) refuse(errno);
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) g_calls->close(file_);
  if (!temporary_.empty()) g_calls->unlink(temporary_.c_str());
}

void AtomicFile::refuse(int error) {
  fail<IoError>("write_file: a writable file expected: ", path_, ": ", reason(error));
}

void AtomicFile::write(const void* data, size_t size) {
  auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const int64_t written = g_calls->write(file_, bytes, size);
    if (written < 0 && errno != EINTR) refuse(errno);
    if (written == 0) refuse(ENOSPC);
    if (written < 0) continue;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::finish() {
  if (g_calls->fsync(file_) != 0) refuse(errno);
  // A delayed write may report its error only here.
  if (g_calls->close(std::exchange(file_, -1)) != 0) refuse(errno);
}

void AtomicFile::rename() {
  if (g_calls->rename(temporary_.c_str(), path_.c_str()) != 0) refuse(errno);
  temporary_.clear();
}

void AtomicFile::sync_directory() {
  if (const int error = sync_directory_of(path_)) refuse(error);
}

void AtomicFile::commit() {
  finish();
  rename();
  sync_directory();
}

void write_file(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

AtomicFile& AtomicFiles::add(const std::string& path) {
  return *files_.emplace_back(std::make_unique<AtomicFile>(path));
}

void AtomicFiles::commit() {
  for (auto& file : files_) file->finish();
  std::vector<std::pair<std::string, std::optional<std::string>>> before;
  try {
    for (auto& file : files_) {
      const std::string& path = file->path_;
      if (file != files_.back()) {
        const bool is_there = ::access(path.c_str(), F_OK) == 0;
        before.emplace_back(path, is_there ? std::optional(read_file(path)) : std::nullopt);
      }
      file->rename();
    }
  } catch (...) {
    for (const auto& [path, bytes] : before) try {
        if (bytes) write_file(path, *bytes);
        else remove_file(path);
      } catch (const IoError&) {}  // the first error is the one to tell
    throw;
  }
  if (!files_.empty()) files_.back()->sync_directory();
}

void remove_file(const std::string& path) {
  const bool gone = g_calls->unlink(path.c_str()) == 0 || errno == ENOENT;
  check<IoError>(gone, "remove_file: a removable file expected: ", path, ": ", reason(errno));
}

bool file_exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}
bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::string read_file(const std::string& path, int64_t max_bytes) {
  // Without O_NONBLOCK a FIFO would block until somebody writes to it.
  const int number = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (number < 0) refuse_read(path, reason(errno));
  struct Closer {
    int file;
    ~Closer() { ::close(file); }
  } file{number};
  struct stat status;
  if (::fstat(file.file, &status) != 0) refuse_read(path, reason(errno));
  if (S_ISDIR(status.st_mode)) refuse_read(path, "it is a directory");
  if (!S_ISREG(status.st_mode)) refuse_read(path, "it is not a regular file");
  const auto limit = static_cast<uint64_t>(max_bytes);
  const std::string too_long = "it has more than " + std::to_string(max_bytes) + " bytes";
  if (static_cast<uint64_t>(status.st_size) > limit) refuse_read(path, too_long);
  std::string bytes;
  size_t size = 0;
  try {
    // Room for one byte more than the file reports, so that its end is seen without growing; one
    // that grows or reports nothing (as in /proc) is read on to its end.
    for (bytes.resize(static_cast<size_t>(status.st_size) + 1); size <= limit;) {
      if (size == bytes.size()) bytes.resize(2 * size + 4096);
      const ssize_t count = ::read(file.file, bytes.data() + size, bytes.size() - size);
      if (count < 0 && errno != EINTR) refuse_read(path, reason(errno));
      if (count == 0) break;
      if (count > 0) size += static_cast<size_t>(count);
    }
  } catch (const std::bad_alloc&) {
    fail<MemoryError>("read_file: memory for the whole file expected: ", path, ": ", status.st_size,
                      " bytes");
  }
  if (size > limit) refuse_read(path, too_long);
  bytes.resize(size);
  return bytes;
}

}  // namespace vitro
