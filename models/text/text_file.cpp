// Whole text files through POSIX calls, each return code checked.
#include "models/text/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <system_error>

#include "framework/error.h"

namespace vitro::text {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse_read(const std::string& path, const std::string& why) {
  fail<IoError>("read_text_file: a readable file expected: ", path, ": ", why);
}

[[noreturn]] void refuse_write(const std::string& path, const std::string& why) {
  fail<IoError>("write_text_file: a writable file expected: ", path, ": ", why);
}

struct FileDescriptor {
  explicit FileDescriptor(int number) : number(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number >= 0) ::close(number);
  }
  // Closes and tells the error that a delayed write may only then report.
  int close() {
    const int result = ::close(number) == 0 ? 0 : errno;
    number = -1;
    return result;
  }
  int number;
};

int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

// The first error of writing, syncing and closing; 0 when all went well.
int write_and_close(FileDescriptor& file, std::string_view bytes) {
  const int write_error = write_all(file.number, bytes);
  const int sync_error = write_error == 0 && ::fsync(file.number) != 0 ? errno : 0;
  const int close_error = file.close();
  return write_error != 0 ? write_error : sync_error != 0 ? sync_error : close_error;
}

// Makes a rename durable.  Some file systems refuse to sync a directory: EINVAL is no loss.
int sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number < 0) return errno;
  return ::fsync(file.number) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

std::string read_text_file(const std::string& path, int64_t max_bytes) {
  // Without O_NONBLOCK a FIFO would block until somebody writes to it.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.number < 0) refuse_read(path, reason(errno));
  struct stat status;
  if (::fstat(file.number, &status) != 0) refuse_read(path, reason(errno));
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
      const ssize_t count = ::read(file.number, bytes.data() + size, bytes.size() - size);
      if (count < 0 && errno != EINTR) refuse_read(path, reason(errno));
      if (count == 0) break;
      if (count > 0) size += static_cast<size_t>(count);
    }
  } catch (const std::bad_alloc&) {
    fail<MemoryError>("read_text_file: memory for the whole file expected: ", path, ": ",
                      status.st_size, " bytes");
  }
  if (size > limit) refuse_read(path, too_long);
  bytes.resize(size);
  return bytes;
}

void write_text_file(const std::string& path, std::string_view text) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    refuse_write(path, S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a regular file");
  }
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // what a killed save left behind
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.number < 0) refuse_write(path, reason(errno));
  int error = write_and_close(file, text);
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    refuse_write(path, reason(error));
  }
  error = sync_directory_of(path);
  if (error != 0) refuse_write(path, reason(error));
}

}  // namespace vitro::text
