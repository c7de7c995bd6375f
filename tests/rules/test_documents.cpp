// Tests README.md and docs/: their command lines run, and their programs compile and run.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
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

// The lines in ```sh blocks that start with `vitro `.  `# exits N` says that the exit code is N,
// else it is 0.  A backslash at the end continues the line.
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

// The output that the page shows for each of its programs, in order.  The output is the ```text
// block that follows the program; if another block follows, it is empty.
std::vector<std::string> outputs_in(const std::string& markdown) {
  std::vector<std::string> outputs;
  std::istringstream lines(markdown);
  std::string kind, block;  // kind and text of the block that contains the line; "" outside blocks
  bool after_program = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("```")) {
      if (!kind.empty()) block += line + '\n';
      continue;
    }
    if (kind.empty()) {
      kind = line;
      block.clear();
      continue;
    }
    if (kind == "```text" && after_program) outputs.back() = block;
    after_program = kind == "```cpp" && block.find("int main") != std::string::npos;
    if (after_program) outputs.push_back("");
    kind.clear();
  }
  return outputs;
}

// A folder with links to the sources.  Commands run there, so that they write nothing into the
// sources.
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

// Runs a line of shell in `folder`, where `vitro` is the program of this build; returns the exit
// code.
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

// The Markdown files in a folder of the source tree and in its subfolders.
std::vector<fs::path> markdown_in(const std::string& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(vitro::testing::source_path(folder)))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  return found;
}

// The texts of README.md and of every page of docs/.  Translations are left out, because their
// blocks are the same.
std::vector<std::string> pages() {
  std::vector<std::string> texts = {read_text(vitro::testing::source_path("README.md"))};
  for (const fs::path& path : markdown_in("docs"))
    if (path.parent_path().filename() != "vi") texts.push_back(read_text(path));
  return texts;
}

// The parts of a page that its translation must repeat: the levels of the headings, the number of
// defined terms, and every block of code or output.
std::string skeleton(const std::string& markdown) {
  std::string common;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const bool fence = line.starts_with("```");
    if (inside || fence || line.starts_with("    ")) common += line + '\n';
    else if (line.starts_with("#")) common += line.substr(0, line.find(' ')) + '\n';
    else if (line.starts_with("**")) common += "**\n";
    if (fence) inside = !inside;
  }
  return common;
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

TEST_CASE("documents: every program compiles, runs and prints what its page shows", "[slow]") {
  std::istringstream programs(VITRO_PAGE_PROGRAMS);  // page|program|page|program| ...
  const Folder folder;
  std::map<std::string, size_t> seen;  // how many programs of a page have run
  size_t count = 0;
  std::string page, program;
  while (std::getline(programs, page, '|') && std::getline(programs, program, '|')) {
    CHECK(run(folder, "'" + program + "'") == 0);
    const std::string shown = outputs_in(read_text(page)).at(seen[page]++);
    if (!shown.empty()) CHECK(read_text(folder.path / "output") == shown);
    ++count;
  }
  size_t mains = 0;
  for (const std::string& text : pages()) mains += outputs_in(text).size();
  CHECK(count == mains);
  CHECK(count >= 8);
}

TEST_CASE("documents: a translation has the headings and blocks of its original") {
  const std::vector<fs::path> originals = markdown_in("docs");
  int compared = 0;
  for (const fs::path& path : markdown_in("docs/vi")) {
    INFO(path);
    // docs/vi/README.md translates the README.md of the root, because docs/README.md is an index.
    if (path.filename() == "README.md") {
      CHECK(skeleton(read_text(path)) ==
            skeleton(read_text(vitro::testing::source_path("README.md"))));
      ++compared;
      continue;
    }
    for (const fs::path& original : originals)
      if (original.filename() == path.filename() && original.parent_path().filename() != "vi") {
        CHECK(skeleton(read_text(path)) == skeleton(read_text(original)));
        ++compared;
      }
  }
  CHECK(compared == static_cast<int>(markdown_in("docs/vi").size()));
  CHECK(skeleton("# A\n**b** c\n```\nd\n```\n") == skeleton("# X\n**y** z\n```\nd\n```\n"));
  CHECK(skeleton("# A\n") != skeleton("## A\n"));
  CHECK(skeleton("    a\n") != skeleton("    b\n"));
}

TEST_CASE("documents: a program's output is the next block of text") {
  const std::string program = "```cpp\nint main() {}\n```\n";
  CHECK(outputs_in(program + "It prints\n```text\na\nb\n```\n") ==
        std::vector<std::string>{"a\nb\n"});
  CHECK(outputs_in(program + "```sh\nls\n```\n```text\na\n```\n") == std::vector<std::string>{""});
  CHECK(outputs_in("```cpp\nint x;\n```\n```text\na\n```\n").empty());
  CHECK(outputs_in(program + program + "```text\nc\n```\n") == std::vector<std::string>{"", "c\n"});
}

TEST_CASE("documents: command lines are found in blocks of sh only") {
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
