// Temporary files, which a save writes to until the file is whole.
#pragma once
#include <string>
#include <vector>

namespace vitro {

// The file that a write to a path changes: the path itself, or the target of its symbolic links.
// The target need not exist.
struct Destination {
  std::string path;
  int descriptor = -1;     // the open descriptor that /dev/stdout and the like name; else -1
  bool is_stream = false;  // a descriptor, FIFO or character device, which gets the bytes at once
};
// IoError, with `path`, for a directory or another special file, and for a loop of links.
Destination destination_of(const std::string& path);

// The names in a directory.  IoError if it cannot be read.
std::vector<std::string> names_in(const std::string& directory);

// The directory of a path: "a/" for "a/b", and "", the working directory, for "b".
std::string directory_of(const std::string& path);

// A file PATH.XXXXXXXX.tmp next to the PATH that it will replace; each X is a hexadecimal digit.
// Its writer keeps it locked, so that the next save can find out whether the writer still runs.
struct TemporaryFile {
  std::string path;
  int file = -1;
  int lock = -1;  // a second descriptor of the open file; it holds the lock when `file` is closed
};
// Makes a temporary file.  If the system refuses, `file` is -1 and errno is the reason.
TemporaryFile make_temporary_file(const std::string& destination);
// Removes a temporary file, unless its writer still has it locked.  On a file system without locks
// the file stays, because its writer may still run.
void remove_leftover(const std::string& temporary);
void remove_leftovers(const std::string& destination);  // all that belong to this destination

}  // namespace vitro
