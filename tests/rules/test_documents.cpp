// README.md and docs/ show what works: their command lines run, their programs compile and run.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "tests/rules/rules.h"
#include "tests/support/paths.h"

using vitro::testing::read_text;
namespace fs = std::filesystem;

namespace {

struct Command {
  std::string line;
  int exits = 0;
};

// The lines in blocks of ```sh that start with `vitro `; `# exits N` announces another code than 0,
// a backslash at the end continues the line.
std::vector<Command> commands_in(const std::string& markdown) {
  std::vector<Command> commands;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line, next; std::getline(lines, line);) {
    while (line.ends_with('\\') && std::getline(lines, next))
      line = line.substr(0, line.size() - 1) + next;
    if (line.starts_with("```")) inside = line == "```sh" && !inside;
    if (!inside || !line.starts_with("vitro ")) continue;
    std::smatch code;
    const bool announced = std::regex_search(line, code, std::regex(R"(# exits (\d+))"));
    commands.push_back({line, announced ? std::stoi(code[1]) : 0});
  }
  return commands;
}

// A folder that looks like the source's, so that what the lines write litters no source.
struct Folder {
  fs::path path;
  Folder() {
    static int count = 0;
    path = fs::temp_directory_path() /
           ("vitro_documents_" + std::to_string(getpid()) + "_" + std::to_string(++count));
    fs::create_directory(path);
    for (const auto& entry : fs::directory_iterator(vitro::testing::source_path(""))) {
      const fs::path name = entry.path().filename();
      if (name.string()[0] != '.' && name != "build") fs::create_symlink(entry.path(), path / name);
    }
  }
  ~Folder() { fs::remove_all(path); }
};

// The exit code of a line of shell in `folder`; `vitro` is the program of this build.
int run(const Folder& folder, const std::string& line) {
  std::string programs;
#ifdef VITRO_BINARY
  programs = fs::path(VITRO_BINARY).parent_path().string() + ":";
#endif
  const std::string call = "cd '" + folder.path.string() + "' && PATH='" + programs +
                           "'\"$PATH\" && { " + line + "\n} > output 2>&1";
  const int status = std::system(call.c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  UNSCOPED_INFO(line << "\nexited with " << code << "\n" << read_text(folder.path / "output"));
  return code;
}

// The texts of README.md and of every page of docs/.
std::vector<std::string> pages() {
  std::vector<std::string> texts = {read_text(vitro::testing::source_path("README.md"))};
  for (const auto& entry : fs::directory_iterator(vitro::testing::source_path("docs")))
    if (entry.path().extension() == ".md") texts.push_back(read_text(entry.path()));
  return texts;
}

}  // namespace

TEST_CASE("documents: every command line exits as it says", "[slow]") {
  size_t found = 0;
  for (const std::string& page : pages()) {
    const std::vector<Command> commands = commands_in(page);
    found += commands.size();
#ifdef VITRO_BINARY
    const Folder folder;  // one per page: no page needs the files of another
    for (const Command& command : commands) CHECK(run(folder, command.line) == command.exits);
#endif
  }
  CHECK(found >= 15);
}

TEST_CASE("documents: every program compiles and runs", "[slow]") {
  std::istringstream programs(VITRO_PAGE_PROGRAMS);
  const Folder folder;
  int count = 0;
  for (std::string program; std::getline(programs, program, '|'); ++count)
    CHECK(run(folder, "'" + program + "'") == 0);
  CHECK(count >= 1);
  size_t mains = 0;
  for (const std::string& page : pages())
    for (size_t at = 0; (at = page.find("int main", at)) != std::string::npos; ++at) ++mains;
  CHECK(static_cast<size_t>(count) == mains);
}

TEST_CASE("documents: command lines are found where they stand") {
  const std::vector<Command> found = commands_in(
      "vitro outside\n```sh\nvitro a  # exits 2\nls\n  vitro indented\nvitro b \\\n  "
      "--c\n```\nvitro outside\n"
      "```cpp\nvitro no\n```\n```sh\nvitro d\n```\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].line == "vitro a  # exits 2");
  CHECK(found[0].exits == 2);
  CHECK(found[1].line == "vitro b   --c");
  CHECK(found[2].exits == 0);
  const Folder folder;
  CHECK(run(folder, "exit 3") == 3);
  CHECK(run(folder, "test -f README.md && test -d examples") == 0);
}
