// The types of errors that vitro throws, and the functions that throw them.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// The base of all errors that vitro throws.  what() is one sentence, `op: expected X, got Y`, then
// one line "  in ..." for each module that the error passed on its way out.
class Error : public std::runtime_error {
 public:
  // Stores the message, which what() returns.
  explicit Error(std::string message) : std::runtime_error(""), text_(std::move(message)) {}
  const char* what() const noexcept override { return text_.c_str(); }

  // Appends the line "  in `where`".  Does nothing if there is no memory for it.
  void add_context(const std::string& where) noexcept;

 private:
  std::string text_;
};

// One subtype for each kind of error that a caller may handle differently.
// clang-format off
struct ShapeError : Error { using Error::Error; };    // sizes, ranks, axes, indices out of range
struct DTypeError : Error { using Error::Error; };    // a dtype that the op does not take
struct GraphError : Error { using Error::Error; };    // misuse of the autograd graph
struct VersionError : Error { using Error::Error; };  // a saved tensor was changed in place
struct ValueError : Error { using Error::Error; };    // a number or text that makes no sense
struct IoError : Error { using Error::Error; };       // files and their contents
struct MemoryError : Error { using Error::Error; };   // the system gave no memory
// clang-format on
[[noreturn]] void fail_memory(size_t bytes = 0);  // throws a MemoryError; allocates nothing

// Throws an E.  Its message consists of the parts, each printed by <<.
template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) try {
  std::ostringstream text;
  (text << ... << parts);
  throw E(text.str());
} catch (const std::bad_alloc&) { fail_memory(); }

// Calls fail<E>(parts...) unless `ok`.  The parts are formatted only on failure.
template <class E = Error, class... Parts>
inline void check(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace vitro
