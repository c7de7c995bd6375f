// The rules of the rooms, as a function of the text of one file, so that they can be tested
// themselves.
#pragma once
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace vitro::testing {

struct Tree {
  std::set<std::string> files;           // all sources, as paths from the root
  std::set<std::string> public_headers;  // those that are installed
};

// The text without comments, line by line as before.
std::string without_comments(const std::string& text);

// What the file at `path` (from the root, as "ops/linear.cpp") does against the rules:
//   includes go as the table of rooms in rules.cpp says
//   dnnl is named in ops/onednn only, Highway in framework/simd and ops/simd, threads in
//   framework/base/parallel*,
//   OpenMP in ops/onednn/single_thread
//   a public header includes public headers, relatively, the standard library, and of Boost
//   smart_ptr, container and core; it defines no macro, and opens the namespace with default
//   visibility
//   every other source includes from the root
std::vector<std::string> broken_rules(const std::string& path, const std::string& text,
                                      const Tree& tree);

std::string read_text(const std::filesystem::path& file);

}  // namespace vitro::testing
