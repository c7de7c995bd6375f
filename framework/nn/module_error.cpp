// A module's call adds its path to errors that pass through it.
#include <new>

#include "framework/nn/module.h"

namespace vitro::nn {

void Module::rethrow_here() const {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) { fail_memory(); }
  } catch (Error& error) {
    try {
      error.add_context(path_ ? path() + ": " + describe() : describe());
    } catch (const std::bad_alloc&) {}  // then the error goes on without it
    throw;
  }
}

}  // namespace vitro::nn
