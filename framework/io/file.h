// Reads whole files, and writes files that no program can see half written.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// Writes a file that appears under its name only when it is whole.  The bytes go to a temporary
// file in the same directory; commit() syncs it, renames it to `path`, and syncs the directory.  So
// `path` is always the old file or a whole new one, even if several processes save it.  The next
// save removes the temporary file of a killed save.  A symbolic link stays; its target is replaced.
// A FIFO, a character device, /dev/stdout and the like get the bytes at once.  Errors are IoErrors
// that name path and reason.
class AtomicFile {
 public:
  // Opens the temporary file.  The destructor removes it unless commit() was called.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, size_t size);  // appends `size` bytes
  void commit();                              // makes the file appear at `path`

 private:
  friend class AtomicFiles;
  void finish();  // syncs and closes the file, which still has its temporary name
  void rename();
  void sync_directory();
  [[noreturn]] void refuse(int error) const;
  std::string path_, destination_, temporary_;  // temporary_ is empty if there is no temporary file
  int file_ = -1, lock_ = -1;
};
// Writes a whole file by an AtomicFile.
void write_file(const std::string& path, std::string_view bytes);

// Files of one directory that appear together.  commit() syncs all of them and then renames one
// after the other, while no other AtomicFiles renames in that directory.  If a rename fails, the
// files before it are restored.  (A process killed between two renames leaves some old and some new
// files, each whole.)
class AtomicFiles {
 public:
  // Adds a file to write to.  Add the largest file last, because commit() reads the old contents of
  // the others into memory.
  AtomicFile& add(const std::string& path);
  void commit();  // makes all files appear

 private:
  std::vector<std::unique_ptr<AtomicFile>> files_;
};
void remove_file(const std::string& path);  // IoError if it exists and cannot be removed

// Whether a file, or a directory, exists; false if the system gives an error.
bool file_exists(const std::string& path);
bool is_directory(const std::string& path);

// All bytes of a regular file.  IoError, with path and reason, if it is missing, unreadable, a
// directory or another special file, or longer than `max_bytes`.
std::string read_file(const std::string& path,
                      int64_t max_bytes = std::numeric_limits<int64_t>::max());
// Like read_file(), and also reads a pipe, FIFO or character device, until its writer closes it.
// "-" is standard input.
std::string read_stream(const std::string& path, int64_t max_bytes);
// Whether the path is "-", a FIFO or a character device, which only read_stream() reads.
bool is_stream(const std::string& path);

}  // namespace vitro
