// Module::rethrow_here adds the path of a module to an error that passes through its call.
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
    } catch (const std::bad_alloc&) {}  // without memory the error passes on unchanged
    throw;
  }
}

}  // namespace vitro::nn
