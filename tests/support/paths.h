// Where the sources lie, for tests that read files of the tree.
#pragma once
#include <string>

namespace vitro::testing {

// The path of a file of the tree: source_path("README.md"); of the tree itself for "".
std::string source_path(const std::string& name);

// The text that the program carries.
std::string stories();

}  // namespace vitro::testing
