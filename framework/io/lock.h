// Locks on files.  The system releases them when the process ends, in any way.
#pragma once
#include <string>

namespace [[gnu::visibility("default")]] vitro {

// The result of try_lock().
enum class Locked { kYes, kByAnother, kNotHere };  // kNotHere: the file system has no locks
// Locks an open file until it is closed, unless somebody else has locked it.
Locked try_lock(int file);

// An exclusive lock on a lock file.  The file is made if it does not exist, and removed at the end.
class LockFile {
 public:
  // Tries to lock the file at `path`.  IoError if the file cannot be made.
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
