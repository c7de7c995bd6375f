// Only this test source knows the path of the tree.  So all others compile to the same objects in
// any checkout, and ccache finds them.
#include "tests/support/paths.h"

#include "framework/io/file.h"

namespace vitro::testing {

std::string source_path(const std::string& name) {
  return name.empty() ? VITRO_SOURCE_DIR : std::string(VITRO_SOURCE_DIR) + "/" + name;
}

std::string stories() { return read_file(source_path("examples/data/stories.txt")); }

}  // namespace vitro::testing
