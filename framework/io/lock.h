// Locks on files.  The system takes them away when their process ends, whatever ends it.
#pragma once
#include <string>

namespace [[gnu::visibility("default")]] vitro {

enum class Locked { kYes, kByAnother, kNotHere };  // kNotHere: the file system has no locks
// Locks an open file (flock) for as long as it is open, if nobody else has it locked.
Locked try_lock(int file);

// An exclusive lock on a file of its own, which is made where there is none, and removed at the
// end.
class LockFile {
 public:
  // IoError if the file cannot be made.
  explicit LockFile(std::string path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  bool is_held() const { return file_ >= 0; }  // false: another process has it

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace vitro
