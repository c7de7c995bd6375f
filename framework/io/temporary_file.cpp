// Makes temporary files, and removes temporary files whose writer has ended.
#include "framework/io/temporary_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "framework/base/error.h"
#include "framework/io/file_calls.h"
#include "framework/io/lock.h"

namespace vitro {

namespace {

constexpr size_t kRandomDigits = 8;
constexpr char kTemporaryEnd[] = ".tmp";
constexpr size_t kAdded = 1 + kRandomDigits + sizeof kTemporaryEnd - 1;  // bytes added to a name

// The descriptor that a path such as /dev/fd/N or /dev/stdout names; -1 for other paths.
int descriptor_named(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view directory : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(directory)) continue;
    int number = -1;
    const char* const end = path.data() + path.size();
    const auto [stop, error] = std::from_chars(path.data() + directory.size(), end, number);
    if (error == std::errc() && stop == end) return number;
  }
  return -1;
}

// The file name of the destination and a dot.  A long name is cut, to leave room for the rest.
std::string stem_of(const std::string& destination) {
  const std::string name = destination.substr(directory_of(destination).size());
  return name.substr(0, NAME_MAX - kAdded) + '.';
}

bool is_temporary(std::string_view name, const std::string& stem) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (name.size() != stem.size() + kAdded - 1 || !name.starts_with(stem) ||
      !name.ends_with(kTemporaryEnd))
    return false;
  const std::string_view digits = name.substr(stem.size(), kRandomDigits);
  return std::all_of(digits.begin(), digits.end(), is_digit);
}

}  // namespace

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

Destination destination_of(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    fail<IoError>(path, ": cannot be written: ", why);
  };
  constexpr int kMostLinks = 40;  // as many as Linux follows
  Destination end{.path = path};
  struct stat status;
  for (int links = 0;; ++links) {
    end.descriptor = descriptor_named(end.path);
    if (end.descriptor >= 0) {
      end.is_stream = true;
      return end;
    }
    if (::lstat(end.path.c_str(), &status) != 0) return end;
    if (!S_ISLNK(status.st_mode)) break;
    if (links == kMostLinks) refuse(std::generic_category().message(ELOOP));
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(end.path, error).string();
    if (error) refuse(error.message());
    end.path = target.starts_with('/') ? target : directory_of(end.path) + target;
  }
  end.is_stream = S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
  if (S_ISDIR(status.st_mode)) refuse("it is a directory");
  if (!S_ISREG(status.st_mode) && !end.is_stream)
    refuse("it is neither a regular file nor a FIFO nor a character device");
  return end;
}

TemporaryFile make_temporary_file(const std::string& destination) {
  const std::string start = directory_of(destination) + stem_of(destination);
  for (int tries = 0;; ++tries) {
    unsigned number = static_cast<unsigned>(::getpid()) + static_cast<unsigned>(tries);
    if (::getentropy(&number, sizeof number) != 0) errno = 0;  // number stays as it is
    char digits[kRandomDigits + 1];
    std::snprintf(digits, sizeof digits, "%08x", number);
    TemporaryFile made{.path = start + digits + kTemporaryEnd};
    made.file = file_calls().open(made.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (made.file < 0 && errno == EEXIST && tries < 100) continue;
    if (made.file < 0) return made;
    // Before the lock, another save may have mistaken the file for a leftover, and locked or
    // removed it.
    if (try_lock(made.file) == Locked::kByAnother || ::access(made.path.c_str(), F_OK) != 0) {
      ::close(made.file);
      ::unlink(made.path.c_str());
      if (tries < 100) continue;
      made.file = -1;
      errno = EBUSY;
      return made;
    }
    made.lock = ::fcntl(made.file, F_DUPFD_CLOEXEC, 0);
    if (made.lock >= 0) return made;
    const int error = errno;
    ::close(made.file);
    ::unlink(made.path.c_str());
    made.file = -1;
    errno = error;
    return made;
  }
}

void remove_leftover(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return;
  struct stat status;
  if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && try_lock(file) == Locked::kYes)
    file_calls().unlink(path.c_str());
  ::close(file);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  // std::filesystem's walk would end the program if there were no memory.
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  if (!open && errno == ENOMEM) fail_memory();
  check<IoError>(open != nullptr, directory, ": cannot be read: ", std::strerror(errno));
  while (const dirent* entry = readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

void remove_leftovers(const std::string& destination) {
  const std::string directory = directory_of(destination), stem = stem_of(destination);
  std::vector<std::string> names;
  try {
    names = names_in(directory.empty() ? "." : directory);
  } catch (const IoError&) { return; }  // a directory may be writable but not readable
  for (const std::string& name : names)
    if (is_temporary(name, stem)) remove_leftover(directory + name);
}

}  // namespace vitro
