// Checks the rules of the source tree in the text of one file.  Tests can therefore plant faults.
#pragma once
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace vitro::testing {

struct Tree {
  std::set<std::string> files;           // all sources, as paths from the root
  std::set<std::string> public_headers;  // the installed ones
};

// The text without comments.  Line numbers stay the same.
std::string without_comments(const std::string& text);

// The rules that the file at `path` breaks.  `path` starts at the root: "ops/linear.cpp".  The
// rules:
//   An include follows the table of rooms in rules.cpp.
//   Only ops/onednn names dnnl, only framework/simd and ops/simd name Highway, only
//   framework/base/parallel* names threads, only ops/onednn/single_thread names OpenMP.
//   A public header includes only the standard library, public headers by relative paths, and
//   Boost's smart_ptr, container and core.  It defines no macro, and opens the namespace with
//   default visibility.
//   Every other source includes by paths from the root.
std::vector<std::string> broken_rules(const std::string& path, const std::string& text,
                                      const Tree& tree);

std::string read_text(const std::filesystem::path& file);

}  // namespace vitro::testing
