// The file that a save writes to before it is whole.
#pragma once
#include <string>
#include <vector>

namespace vitro {

// A path's end: itself, or what its symbolic links lead to, which need not be there.
struct Destination {
  std::string path;
  int descriptor = -1;     // of this process, which /dev/stdout and its like name
  bool is_stream = false;  // a descriptor, FIFO or character device: it takes bytes as they come
};
// IoError, naming `path`, for a directory and other special files, and for links without an end.
Destination destination_of(const std::string& path);

// The names in a directory; IoError where it cannot be read.
std::vector<std::string> names_in(const std::string& directory);

// The parts of a path: "a/b" has the directory "a/"; "b" has "", which is the working directory.
std::string directory_of(const std::string& path);

// A new file beside the one that it will replace: PATH.XXXXXXXX.tmp, where the X are hexadecimal
// digits.  Its writer keeps it locked, so that the next save can tell what a dead one left.
struct TemporaryFile {
  std::string path;
  int file = -1;
  int lock = -1;  // the same open file: the lock stays when `file` is closed
};
// `file` is -1, and errno says why, where the system refuses.
TemporaryFile make_temporary_file(const std::string& destination);
// Removes a temporary file unless its writer, who has it locked, is alive.  Where the file system
// has no locks nobody can tell, and it stays.
void remove_leftover(const std::string& temporary);
void remove_leftovers(const std::string& destination);  // all of this destination

}  // namespace vitro
