// Reads and writes files by POSIX calls, and checks every return code.
#include "framework/io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "framework/base/error.h"
#include "framework/io/file_calls.h"
#include "framework/io/temporary_file.h"

namespace vitro {

namespace {

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse_read(const std::string& path, const std::string& why) {
  fail<IoError>(path, ": cannot be read: ", why);
}

int open_directory_of(const std::string& path) {
  const std::string directory = directory_of(path);
  return file_calls().open(directory.empty() ? "." : directory.c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

// Makes a rename durable, and returns an errno or 0.  Some file systems cannot sync a directory and
// give EINVAL, which is no error here.
int sync_directory_of(const std::string& path) {
  const int file = open_directory_of(path);
  if (file < 0) return errno;
  const int error = file_calls().fsync(file) == 0 || errno == EINVAL ? 0 : errno;
  file_calls().close(file);
  return error;
}

// Closes an open file at the end of a scope.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file) {}
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int get() const { return file_; }

 private:
  int file_;
};

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  const Destination end = destination_of(path_);
  destination_ = end.path;
  if (end.descriptor >= 0) {
    file_ = ::fcntl(end.descriptor, F_DUPFD_CLOEXEC, 0);
  } else if (end.is_stream) {
    file_ = file_calls().open(destination_.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC, 0);
  } else {
    remove_leftovers(destination_);
    TemporaryFile made = make_temporary_file(destination_);
    file_ = made.file, lock_ = made.lock;
    if (file_ >= 0) temporary_ = std::move(made.path);
  }
  if (file_ < 0) refuse(errno);
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) file_calls().close(file_);
  if (!temporary_.empty()) file_calls().unlink(temporary_.c_str());
  if (lock_ >= 0) ::close(lock_);
}

void AtomicFile::refuse(int error) const {
  fail<IoError>(path_, ": cannot be written: ", reason(error));
}

void AtomicFile::write(const void* data, size_t size) {
  if (const int error = write_all(file_, data, size)) refuse(error);
}

void AtomicFile::finish() {
  if (!temporary_.empty() && file_calls().fsync(file_) != 0) refuse(errno);
  // Some file systems report the error of a delayed write only in close.
  if (file_calls().close(std::exchange(file_, -1)) != 0) refuse(errno);
}

void AtomicFile::rename() {
  if (temporary_.empty()) return;
  if (file_calls().rename(temporary_.c_str(), destination_.c_str()) != 0) refuse(errno);
  temporary_.clear();
}

void AtomicFile::sync_directory() {
  if (const int error = sync_directory_of(destination_)) refuse(error);
}

void AtomicFile::commit() {
  const bool is_stream = temporary_.empty();
  finish();
  rename();
  if (!is_stream) sync_directory();
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
  if (files_.empty()) return;
  // The lock of the directory keeps two writers from renaming at the same time and mixing files.
  const OpenFile directory(::open((directory_of(files_.back()->destination_) + '.').c_str(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (::flock(directory.get(), LOCK_EX) != 0 && errno == EINTR) {}
  std::vector<std::pair<std::string, std::optional<std::string>>> before;
  try {
    for (auto& file : files_) {
      const std::string& path = file->destination_;
      if (file != files_.back() && !file->temporary_.empty()) {
        const bool is_there = ::access(path.c_str(), F_OK) == 0;
        before.emplace_back(path, is_there ? std::optional(read_file(path)) : std::nullopt);
      }
      file->rename();
    }
  } catch (...) {
    for (const auto& [path, bytes] : before) try {
        if (bytes) write_file(path, *bytes);
        else remove_file(path);
      } catch (...) {}  // only the first error is reported
    throw;
  }
  files_.back()->sync_directory();
}

void remove_file(const std::string& path) {
  const bool gone = file_calls().unlink(path.c_str()) == 0 || errno == ENOENT;
  check<IoError>(gone, path, ": cannot be removed: ", reason(errno));
}

bool file_exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}
bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

namespace {

// Reads an open file to its end.
std::string read_to_end(int file, const std::string& path, int64_t max_bytes) {
  struct stat status;
  if (::fstat(file, &status) != 0) refuse_read(path, reason(errno));
  const auto limit = static_cast<uint64_t>(max_bytes);
  const std::string too_long = "it has more than " + std::to_string(max_bytes) + " bytes";
  if (static_cast<uint64_t>(status.st_size) > limit) refuse_read(path, too_long);
  std::string bytes;
  size_t size = 0;
  try {
    // One byte more than the file's size, so that the end is seen without a larger buffer.  A file
    // that grows, or has no size (as in /proc), is read to its end too.
    for (bytes.resize(static_cast<size_t>(status.st_size) + 1); size <= limit;) {
      if (size == bytes.size()) bytes.resize(2 * size + 4096);
      const ssize_t count = ::read(file, bytes.data() + size, bytes.size() - size);
      if (count < 0 && errno != EINTR) refuse_read(path, reason(errno));
      if (count == 0) break;
      if (count > 0) size += static_cast<size_t>(count);
    }
  } catch (const std::bad_alloc&) {
    fail<MemoryError>(path, ": cannot be read: there is no memory for its ", status.st_size,
                      " bytes");
  }
  if (size > limit) refuse_read(path, too_long);
  bytes.resize(size);
  return bytes;
}

}  // namespace

std::string read_file(const std::string& path, int64_t max_bytes) {
  // Without O_NONBLOCK a FIFO would block until somebody writes to it.
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) refuse_read(path, reason(errno));
  struct stat status;
  if (::fstat(file.get(), &status) != 0) refuse_read(path, reason(errno));
  if (S_ISDIR(status.st_mode)) refuse_read(path, "it is a directory");
  if (!S_ISREG(status.st_mode)) refuse_read(path, "it is not a regular file");
  return read_to_end(file.get(), path, max_bytes);
}

bool is_stream(const std::string& path) {
  struct stat status;
  return path == "-" || (::stat(path.c_str(), &status) == 0 &&
                         (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)));
}

std::string read_stream(const std::string& path, int64_t max_bytes) {
  if (path == "-") return read_to_end(STDIN_FILENO, "standard input", max_bytes);
  if (!is_stream(path)) return read_file(path, max_bytes);
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) refuse_read(path, reason(errno));
  return read_to_end(file.get(), path, max_bytes);
}

}  // namespace vitro
