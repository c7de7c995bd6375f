// The path of the source tree.  Only this test source depends on it, so ccache can reuse the
// objects of all other tests in any checkout.
#include "tests/support/paths.h"

#include "framework/io/file.h"

namespace vitro::testing {

std::string source_path(const std::string& name) {
  return name.empty() ? VITRO_SOURCE_DIR : std::string(VITRO_SOURCE_DIR) + "/" + name;
}

std::string stories() { return read_file(source_path("examples/data/stories.txt")); }

}  // namespace vitro::testing
