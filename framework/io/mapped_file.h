// MappedFile: a whole file as bytes in memory.  The system reads each part when it is first used.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// Copies share the mapping.  Writes to it change only the memory, not the file.  Nobody may shorten
// the file while it is mapped: an access to bytes that are gone ends the process.
class MappedFile {
 public:
  // IoError, with path and reason, if the file is missing, unreadable or not a regular file.
  explicit MappedFile(const std::string& path);
  std::string_view bytes() const { return {data_.get(), size_}; }  // the whole file
  char* data() const { return data_.get(); }  // the first byte; null if the file is empty

 private:
  std::shared_ptr<char> data_;
  size_t size_ = 0;
};

}  // namespace vitro
