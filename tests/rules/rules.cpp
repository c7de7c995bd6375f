// Checks the rules of the source tree: the includes and the words that each folder may contain.
#include "tests/rules/rules.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <regex>
#include <sstream>

namespace vitro::testing {

namespace {

bool starts_with(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// A room is a folder or a file.  Its files may include each other and the files of the rooms in
// `sees`.  A file belongs to the room with the longest matching path.
struct Room {
  const char* folder;
  std::vector<const char*> sees;
};
const std::vector<Room>& rooms() {
  static const std::vector<Room> all = {
      {"framework/base/", {}},
      {"framework/simd/", {"framework/base/"}},
      {"framework/tensor/", {"framework/base/", "framework/simd/"}},
      {"framework/autograd/", {"framework/base/", "framework/tensor/"}},
      {"framework/nn/", {"framework/base/", "framework/tensor/", "framework/autograd/"}},
      {"framework/optim/",
       {"framework/base/", "framework/simd/", "framework/tensor/", "framework/autograd/"}},
      {"framework/io/", {"framework/base/", "framework/tensor/"}},
      {"ops/simd/", {"framework/base/", "framework/simd/"}},
      {"ops/onednn/", {"framework/base/"}},
      {"ops/",
       {"framework/base/", "framework/simd/", "framework/tensor/", "framework/autograd/",
        "ops/simd/", "ops/onednn/"}},
      {"models/layers/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/", "ops/"}},
      {"models/text/", {"framework/base/", "framework/io/"}},
      {"models/language/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/",
        "framework/io/", "ops/", "models/layers/", "models/text/"}},
      {"models/language/model_types.cpp", {"framework/", "ops/", "models/"}},  // lists all types
      {"models/huggingface/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/",
        "framework/io/", "ops/", "models/layers/", "models/text/", "models/language/"}},
      {"models/generation/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/",
        "framework/io/", "ops/", "models/layers/", "models/text/", "models/language/"}},
      {"models/saved/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/",
        "framework/io/", "ops/", "models/layers/", "models/text/", "models/language/",
        "models/huggingface/"}},
      {"models/training/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/",
        "framework/optim/", "framework/io/", "ops/", "models/layers/", "models/text/",
        "models/language/", "models/generation/", "models/saved/"}},
      {"models/proof/",
       {"framework/base/", "framework/tensor/", "framework/autograd/", "framework/nn/", "ops/",
        "models/layers/", "models/text/", "models/language/"}},
      {"vitro.h", {"framework/", "ops/", "models/"}},
      {"apps/", {"framework/", "ops/", "models/", "vitro.h"}},
      {"examples/", {"vitro.h"}}};
  return all;
}
// Private kernels.  A room sees these folders only if its `sees` names them; `framework/` and
// `ops/` in `sees` are not enough.
const char* const kKernels[] = {"framework/simd/", "ops/simd/", "ops/onednn/"};

const Room* room_of(const std::string& path) {
  const Room* found = nullptr;
  for (const Room& room : rooms())
    if (starts_with(path, room.folder) &&
        (!found || std::string(room.folder).size() > std::string(found->folder).size()))
      found = &room;
  return found;
}

bool may_include(const Room& from, const std::string& target) {
  const Room* to = room_of(target);
  if (!to || to == &from) return true;
  const auto sees = [&](const char* place) { return starts_with(to->folder, place); };
  for (const char* kernels : kKernels)
    if (kernels == std::string(to->folder))
      return std::find(from.sees.begin(), from.sees.end(), std::string(kernels)) != from.sees.end();
  return std::any_of(from.sees.begin(), from.sees.end(), sees);
}

// Whether the path begins with one of the places.  Several places are joined by " or ".
bool stands_in(const std::string& path, const std::string& places) {
  std::smatch rest;
  static const std::regex joined("(.*?) or (.*)");
  if (std::regex_match(places, rest, joined))
    return stands_in(path, rest[1]) || stands_in(path, rest[2]);
  return starts_with(path, places.c_str());
}

// Words that may be used in one place only.
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
  return "a public header includes \"" + name +
         "\", which is no public header at this relative path";
}

std::string check_private(const std::string& name, const Tree& tree) {
  if (tree.files.contains(name) || starts_with(name, "hwy/")) return "";
  return "\"" + name + "\" is no path from the root";
}

}  // namespace

std::string without_comments(const std::string& text) {
  std::string out;
  char quote = 0;  // the quotation mark that opened the current literal; 0 outside literals
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
  const Room* const room = room_of(path);
  if (!room) return broken;
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
    if (quoted && !may_include(*room, target))
      broken.push_back("the include of \"" + name + "\" runs the wrong way");
    std::string complaint;
    if (is_public) complaint = check_public(path, name, quoted, tree);
    else if (quoted) complaint = check_private(name, tree);
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
