// Makes a MemoryError without any memory: the message is an array inside of the error.
#include <cstdio>
#include <new>

#include "framework/base/error.h"

namespace vitro {

namespace {

struct NoMemory final : MemoryError {
  explicit NoMemory(size_t bytes) : MemoryError(std::string()) {
    if (bytes)
      std::snprintf(text, sizeof text, "allocate: expected %zu bytes of memory, got none", bytes);
  }
  const char* what() const noexcept override { return *Error::what() ? Error::what() : text; }
  char text[80] = "allocate: expected memory, got none";
};

}  // namespace

// `throw` itself needs memory for the error, for which the C++ library has a reserve.
void fail_memory(size_t bytes) { throw NoMemory(bytes); }

void Error::add_context(const std::string& where) noexcept {
  try {
    text_ = what() + ("\n  in " + where);
  } catch (const std::bad_alloc&) {}
}

}  // namespace vitro
