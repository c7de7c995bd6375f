// Tests that docs/command-line.md is up to date and that the links of all pages work.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/rules/rules.h"
#include "tests/support/paths.h"

using vitro::testing::read_text;
using vitro::testing::source_path;
namespace fs = std::filesystem;

namespace {

// Runs a line of shell in the root of the source tree.  Returns its exit code; `output` gets its
// output.
int shell(const std::string& line, std::string& output) {
  const fs::path file = fs::temp_directory_path() / ("vitro_pages_" + std::to_string(getpid()));
  const std::string call =
      "cd '" + source_path("") + "' && { " + line + "\n} > " + file.string() + " 2>&1";
  const int status = std::system(call.c_str());
  output = read_text(file);
  fs::remove(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

#ifdef VITRO_BINARY
TEST_CASE("pages: the page of the command line is up to date") {
  std::string page;
  REQUIRE(shell("./scripts/docs command-line '" VITRO_BINARY "'", page) == 0);
  INFO("after a change of the help, run ./scripts/docs");
  CHECK(page == read_text(source_path("docs/command-line.md")));
  for (const char* section :
       {"## vitro train\n", "## vitro generate\n", "## vitro tokenizer train\n"})
    CHECK(page.find(section) != std::string::npos);
}
#endif

TEST_CASE("pages: every link leads to a file and a heading") {
  std::string output;
  const int code = shell(
      "find README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs examples -name '*.md' -print0 |"
      " xargs -0 ./scripts/check_links",
      output);
  INFO(output);
  CHECK(code == 0);
}

TEST_CASE("pages: a broken link is found") {
  const fs::path folder = fs::temp_directory_path() / ("vitro_links_" + std::to_string(getpid()));
  fs::create_directories(folder / "docs");
  std::ofstream(folder / "docs/b.md") << "# Über `x`: y\n<a id=\"k\"></a>\n";
  struct Page {
    const char *name, *text;
    int code;
  };
  const Page table[] = {
      {"file.md", "[b](docs/b.md) [folder](docs) [site](https://no.such.site/x)", 0},
      {"heading.md", "# One two\n[here](#one-two) [there](docs/b.md#über-x-y)", 0},
      {"code.md", "`[a](no.md)`\n```\n[a](no.md)\n```\n", 0},
      {"picture.md", "<img src=\"docs/b.md\">", 0},
      {"anchor.html", "<a id=\"u\" href=\"#u\"><a href=\"docs/b.md?x=1\">", 0},
      {"no_file.md", "[a](docs/a.md)", 1},
      {"no_heading.md", "[a](docs/b.md#none)", 1},
      {"not_here.md", "# One\n[a](#two)", 1},
      {"no_picture.md", "<img src=\"docs/no.svg\">", 1},
      {"no_anchor.html", "<a href=\"anchor.html#v\">", 1},
  };
  for (const Page& page : table) {
    std::ofstream(folder / page.name) << page.text;
    std::string output;
    const int code = shell("./scripts/check_links '" + (folder / page.name).string() + "'", output);
    INFO(page.name << ": " << output);
    CHECK(code == page.code);
  }
  std::string output;
  CHECK(shell("./scripts/check_links", output) == 2);
  fs::remove_all(folder);
}
