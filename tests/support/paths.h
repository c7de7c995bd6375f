// Paths for tests that read files of the source tree.
#pragma once
#include <string>

namespace vitro::testing {

// The path of a file in the source tree, for example source_path("README.md").  "" is the root.
std::string source_path(const std::string& name);

// The bundled stories.
std::string stories();

}  // namespace vitro::testing
