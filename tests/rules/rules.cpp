// The rules of the rooms.
#include "tests/rules/rules.h"

#include <cctype>
#include <fstream>
#include <regex>
#include <sstream>

namespace vitro::testing {

namespace {

bool starts_with(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// A room may include its own rank and those below; 0 for what is no part of the library.
int rank(const std::string& path) {
  const char* rooms[] = {"framework/", "ops/", "models/"};
  for (int i = 0; i < 3; ++i)
    if (starts_with(path, rooms[i])) return i + 1;
  return starts_with(path, "apps/") || starts_with(path, "examples/") || path == "vitro.h" ? 4 : 0;
}

// Whether the path begins as one of the places does, which are joined by " or ".
bool stands_in(const std::string& path, const std::string& places) {
  std::smatch rest;
  static const std::regex joined("(.*?) or (.*)");
  if (std::regex_match(places, rest, joined))
    return stands_in(path, rest[1]) || stands_in(path, rest[2]);
  return starts_with(path, places.c_str());
}

// Words that one place alone may say.
struct Owner {
  const char* what;
  const char* place;
  std::regex words;
};
const std::vector<Owner>& owners() {
  static const std::vector<Owner> all = {
      {"oneDNN", "ops/onednn/", std::regex(R"(\bdnnl\w*|dnnl\.hpp?\b)")},
      {"Highway", "framework/simd/ or ops/simd/", std::regex(R"(\bhwy\b|\bHWY_\w+)")},
      {"OpenMP", "ops/onednn/single_thread.",
       std::regex(R"(\bomp\.h\b|#\s*pragma\s+omp\b|\bomp_\w+|\b_OPENMP\b)")},
      {"threads", "framework/base/parallel",
       std::regex(R"(<thread>|<future>|\bstd::(jthread|thread|async)\b|\bpthread_\w+)")}};
  return all;
}

std::string check_public(const std::string& path, const std::string& name, bool quoted,
                         const Tree& tree) {
  if (!quoted) {
    const bool standard =
        name.find('/') == std::string::npos && name.find('.') == std::string::npos;
    const bool boost = std::regex_match(name, std::regex(R"(boost/(smart_ptr|container|core)/.*)"));
    return standard || boost ? "" : "a public header includes <" + name + ">";
  }
  const std::string target =
      (std::filesystem::path(path).parent_path() / name).lexically_normal().string();
  if (tree.public_headers.contains(target)) return "";
  return "a public header includes \"" + name + "\", which is no public header beside it";
}

std::string check_private(const std::string& path, const std::string& name, const Tree& tree) {
  if (tree.files.contains(name) || starts_with(name, "hwy/")) return "";
  return "\"" + name + "\" is no path from the root";
}

}  // namespace

std::string without_comments(const std::string& text) {
  std::string out;
  char quote = 0;  // inside of what
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      out += c;
      if (c == '\\') out += text[++i];
      else if (c == quote) quote = 0;
    } else if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (text.compare(i, 2, "/*") == 0) {
      const size_t end = std::min(text.find("*/", i + 2), text.size() - 2) + 1;
      for (; i < end; ++i)
        if (text[i] == '\n') out += '\n';
    } else {
      out += c;
      const bool separator =
          c == '\'' && i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1]));
      if (c == '"' || (c == '\'' && !separator)) quote = c;
    }
  }
  return out;
}

std::vector<std::string> broken_rules(const std::string& path, const std::string& text,
                                      const Tree& tree) {
  std::vector<std::string> broken;
  if (rank(path) == 0) return broken;
  const std::string code = without_comments(text);
  const bool is_public = tree.public_headers.contains(path);
  for (const Owner& owner : owners()) {
    std::smatch found;
    if (!stands_in(path, owner.place) && std::regex_search(code, found, owner.words))
      broken.push_back(std::string(owner.what) + " is named outside " + owner.place + ": " +
                       found.str());
  }
  static const std::regex include(R"re(#\s*include\s*(["<])([^">]+)[">])re");
  for (std::sregex_iterator it(code.begin(), code.end(), include), end; it != end; ++it) {
    const bool quoted = (*it)[1] == "\"";
    const std::string name = (*it)[2];
    std::string target = name;
    if (is_public && quoted)
      target = (std::filesystem::path(path).parent_path() / name).lexically_normal().string();
    if (rank(target) > rank(path) || (target == "vitro.h" && rank(path) < 4))
      broken.push_back("the include of \"" + name + "\" runs the wrong way");
    std::string complaint;
    if (is_public) complaint = check_public(path, name, quoted, tree);
    else if (quoted) complaint = check_private(path, name, tree);
    if (!complaint.empty()) broken.push_back(complaint);
  }
  if (is_public && std::regex_search(code, std::regex(R"(#\s*define\b)")))
    broken.push_back("a public header defines a macro");
  if (is_public && std::regex_search(code, std::regex(R"((^|\n)namespace\s+vitro\b)")))
    broken.push_back(
        "a public header opens the namespace without [[gnu::visibility(\"default\")]]");
  return broken;
}

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return in ? text.str() : std::string();
}

}  // namespace vitro::testing
