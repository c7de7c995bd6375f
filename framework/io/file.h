// Files, in and out: whole reads, and writes of which nobody ever sees a half.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// A file that appears under its name when it is whole: written beside `path` under a name that no
// other writer has, synced, renamed over `path`, and the directory synced.  At every instant `path`
// is an old file or a whole new one, however many processes save it.  What a killed save left is
// removed by the next one.  A symbolic link stays, and its target is replaced.  A FIFO, a character
// device and what /dev/stdout and its like name are written to as the bytes come.  Errors are
// IoErrors that name path and reason; without commit() no file stays.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, size_t size);
  void commit();

 private:
  friend class AtomicFiles;
  void finish();  // what was written is whole on the disk, still under the temporary name
  void rename();
  void sync_directory();
  [[noreturn]] void refuse(int error) const;
  std::string path_, destination_, temporary_;  // no temporary_: the bytes go where they belong
  int file_ = -1, lock_ = -1;
};
void write_file(const std::string& path, std::string_view bytes);

// Files of one directory that appear together: when all are written and on the disk they are
// renamed one by one, while no other AtomicFiles renames there, and if the system refuses one,
// those before it are put back as they were.  (A process killed between two renames leaves some old
// and some new, each whole.)
class AtomicFiles {
 public:
  AtomicFile& add(const std::string& path);  // what is large comes last: others are held in memory
  void commit();

 private:
  std::vector<std::unique_ptr<AtomicFile>> files_;
};
void remove_file(const std::string& path);  // IoError unless it is gone

// Whether a file, or a directory, is there; false where the system does not say.
bool file_exists(const std::string& path);
bool is_directory(const std::string& path);

// Every byte of a regular file.  IoError, naming path and reason, for what is missing, unreadable,
// a directory or another special file, or longer than `max_bytes`.
std::string read_file(const std::string& path,
                      int64_t max_bytes = std::numeric_limits<int64_t>::max());
// The same of a pipe, FIFO or character device too, whose writer it waits for.  "-" is standard
// input.
std::string read_stream(const std::string& path, int64_t max_bytes);
bool is_stream(const std::string& path);  // what only read_stream reads

}  // namespace vitro
