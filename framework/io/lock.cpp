// Locks files by flock.
#include "framework/io/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "framework/base/error.h"

namespace vitro {

namespace {

// Whether the path still names the open file.  The last owner of the lock may have removed the file
// after it was opened here.
bool is_named(const std::string& path, int file) {
  struct stat named, open;
  return ::stat(path.c_str(), &named) == 0 && ::fstat(file, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

}  // namespace

Locked try_lock(int file) {
  while (::flock(file, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR) return errno == EWOULDBLOCK ? Locked::kByAnother : Locked::kNotHere;
  return Locked::kYes;
}

LockFile::LockFile(std::string path) : path_(std::move(path)) {
  for (;;) {
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    check<IoError>(file >= 0, path_,
                   ": cannot be written: ", std::generic_category().message(errno));
    const Locked locked = try_lock(file);
    if (locked == Locked::kNotHere || (locked == Locked::kYes && is_named(path_, file))) {
      file_ = file;
      return;
    }
    ::close(file);
    if (locked == Locked::kByAnother) return;
  }
}

LockFile::~LockFile() {
  if (file_ < 0) return;
  ::unlink(path_.c_str());
  ::close(file_);
}

}  // namespace vitro
