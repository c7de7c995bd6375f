// MemoryError: its sentence is written where the error itself lies.
#include <cstdio>

#include "framework/base/error.h"

namespace vitro {

MemoryError::MemoryError(size_t bytes) noexcept : Error(std::string()) {
  if (bytes) {
    std::snprintf(text, sizeof text, "allocate: expected %zu bytes, got none: memory is used up",
                  bytes);
  } else {
    std::snprintf(text, sizeof text, "allocate: expected memory, got none: it is used up");
  }
}

void Error::add_context(const std::string& where) noexcept {
  try {
    text_ = what() + ("\n  in " + where);
  } catch (const std::bad_alloc&) {}
}

}  // namespace vitro
