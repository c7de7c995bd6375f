// Maps files into memory.
#include "framework/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "framework/base/error.h"

namespace vitro {

MappedFile::MappedFile(const std::string& path) {
  auto refuse = [&](const std::string& why) { fail<IoError>(path, ": cannot be read: ", why); };
  auto reason = [] { return std::generic_category().message(errno); };
  // Without O_NONBLOCK, opening a FIFO would wait until somebody writes to it.
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) refuse(reason());
  const std::shared_ptr<void> closes(nullptr, [file](void*) { ::close(file); });
  struct stat status;
  if (::fstat(file, &status) != 0) refuse(reason());
  if (S_ISDIR(status.st_mode)) refuse("it is a directory");
  if (!S_ISREG(status.st_mode)) refuse("it is not a regular file");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;  // an empty file cannot be mapped
  // Without MAP_NORESERVE the system would refuse a file larger than memory.
  void* data = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  if (data == MAP_FAILED) refuse(reason());
  data_ = {static_cast<char*>(data), [size = size_](char* p) { ::munmap(p, size); }};
}

}  // namespace vitro
