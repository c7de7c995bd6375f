// A whole file as bytes in memory, read by the system when they are touched.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "../base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// Copies share the mapping; what is written to it stays in memory.  For files that nobody shortens
// meanwhile: touching bytes that are gone ends the process.
class MappedFile {
 public:
  // IoError, naming path and reason, for what is missing, unreadable or not a regular file.
  explicit MappedFile(const std::string& path);
  std::string_view bytes() const { return {data_.get(), size_}; }
  char* data() const { return data_.get(); }

 private:
  std::shared_ptr<char> data_;
  size_t size_ = 0;
};

}  // namespace vitro
