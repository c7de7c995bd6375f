// Tests that every source follows the rules of the source tree, and that planted faults are found.
#include <catch2/catch.hpp>
#include <iostream>
#include <regex>

#include "tests/rules/rules.h"
#include "tests/support/paths.h"

using namespace vitro::testing;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = vitro::testing::source_path("");

bool is_source(const fs::path& file) {
  return file.extension() == ".h" || file.extension() == ".cpp";
}

const Tree& tree() {
  static const Tree all = [] {
    Tree t;
    for (const char* room : {"framework", "ops", "models", "apps", "examples"})
      for (const auto& entry : fs::recursive_directory_iterator(kSource / room))
        if (is_source(entry.path())) t.files.insert(fs::relative(entry.path(), kSource).string());
    t.files.insert("vitro.h");
    const std::string list = read_text(kSource / "cmake/public_headers.cmake");
    static const std::regex header(R"([\w/]+\.h\b)");
    for (std::sregex_iterator it(list.begin(), list.end(), header), end; it != end; ++it)
      t.public_headers.insert(it->str());
    return t;
  }();
  return all;
}

std::vector<std::string> faults(const std::string& path, const std::string& text) {
  return broken_rules(path, text, tree());
}

int64_t lines_of(const std::set<std::string>& paths) {
  int64_t lines = 0;
  for (const std::string& path : paths) {
    const std::string text = read_text(kSource / path);
    lines += std::count(text.begin(), text.end(), '\n');
  }
  return lines;
}

// `paths`, and all files of the tree that they include directly or indirectly.
std::set<std::string> closure(std::set<std::string> paths) {
  static const std::regex include(R"re(#\s*include\s*"([^"]+)")re");
  std::vector<std::string> unread(paths.begin(), paths.end());
  while (!unread.empty()) {
    const std::string path = unread.back(), code = read_text(kSource / path);
    unread.pop_back();
    for (std::sregex_iterator it(code.begin(), code.end(), include), end; it != end; ++it) {
      const std::string name = (*it)[1],
                        relative =
                            (fs::path(path).parent_path() / name).lexically_normal().string();
      const std::string found = tree().files.contains(relative) ? relative : name;
      if (tree().files.contains(found) && paths.insert(found).second) unread.push_back(found);
    }
  }
  return paths;
}

// The names of the methods that a class declares.
std::set<std::string> methods_of(const std::string& code, const std::string& class_name) {
  const size_t begin = code.find("\nclass " + class_name + " {"),
               end = code.find("\n private:", begin);
  REQUIRE(begin != std::string::npos);
  const std::string body = code.substr(begin, end - begin);
  static const std::regex declaration(R"(\n  (?! )[^\n(]*?\b(operator\s*[^\s(]+|\w+)\()");
  std::set<std::string> names;
  for (std::sregex_iterator it(body.begin(), body.end(), declaration), stop; it != stop; ++it)
    if ((*it)[1] != class_name) names.insert((*it)[1]);
  return names;
}

}  // namespace

TEST_CASE("rules: every source follows them") {
  CHECK(tree().files.size() > 60);
  CHECK(tree().public_headers.size() > 20);
  for (const std::string& path : tree().files)
    for (const std::string& fault : faults(path, read_text(kSource / path)))
      FAIL_CHECK(path << ": " << fault);
  for (const std::string& header : tree().public_headers) {
    INFO(header);
    CHECK(tree().files.contains(header));
  }
}

TEST_CASE("rules: sources are ASCII and begin with a comment") {
  for (const std::string& path : tree().files) {
    const std::string text = read_text(kSource / path);
    INFO(path);
    CHECK(std::none_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) > 126; }));
    CHECK(text.rfind("// ", 0) == 0);
  }
}

TEST_CASE("rules: the core can be read in an hour") {
  std::set<std::string> core;
  for (const char* name :
       {"framework/base/error", "framework/tensor/shape", "framework/tensor/tensor",
        "framework/autograd/node", "framework/autograd/engine", "framework/autograd/gradient_ops",
        "ops/matmul", "ops/softmax", "ops/activation", "framework/nn/module",
        "models/layers/layers", "models/language/mini_lm"}) {
    const size_t before = core.size();
    for (const char* extension : {".h", ".cpp"})
      if (const std::string path = std::string(name) + extension; tree().files.contains(path))
        core.insert(path);
    INFO(name);
    CHECK(core.size() > before);
  }
  const int64_t total = lines_of(core);
  std::cout << "The twelve core files have " << total << " lines together; with all that they "
            << "include, " << lines_of(closure(core)) << ".\n";
  CHECK(total <= 2000);
}

TEST_CASE("rules: the methods of Tensor are a fixed, short list") {
  const std::set<std::string> allowed = {
      // the handle and its array
      "operator=", "defined", "shape", "size", "strides", "rank", "numel", "dtype", "is_contiguous",
      "version", "item", "data", "mutable_data", "impl",
      // autograd
      "requires_grad", "requires_grad_", "is_leaf", "grad", "set_grad", "zero_grad", "retain_grad",
      "grad_fn", "detach", "backward", "register_hook", "register_post_accumulate_grad_hook",
      // in place
      "add_", "sub_", "mul_", "div_", "copy_", "fill_", "zero_",
      // ops
      "to", "contiguous", "clone", "reshape", "view", "flatten", "transpose", "permute", "t",
      "squeeze", "unsqueeze", "expand", "select", "slice", "narrow", "operator[]", "index", "sum",
      "mean", "max", "min", "argmax", "matmul", "operator-"};
  const std::set<std::string> found =
      methods_of(without_comments(read_text(kSource / "framework/tensor/tensor.h")), "Tensor");
  for (const std::string& name : found) {
    INFO(name << " is a method of Tensor, and should be a function in ops/ops.h");
    CHECK(allowed.contains(name));
  }
  for (const std::string& name : allowed) {
    INFO(name << " is in the list, but is no method of Tensor");
    CHECK(found.contains(name));
  }
}

TEST_CASE("rules: the checker sees planted faults") {
  struct Planted {
    const char *path, *text, *complaint;
  };
  const Planted planted[] = {
      {"framework/tensor/copy.cpp", "#include \"ops/ops.h\"", "wrong way"},
      {"framework/autograd/engine.h", "#include \"../../ops/ops.h\"", "wrong way"},
      {"ops/linear.cpp", "#include \"models/layers/layers.h\"", "wrong way"},
      {"models/layers/layers.cpp", "#include \"apps/cli/output.h\"", "wrong way"},
      {"models/layers/layers.cpp", "#include \"vitro.h\"", "wrong way"},
      {"framework/tensor/tensor.cpp", "#include \"framework/autograd/node.h\"", "wrong way"},
      {"framework/tensor/tensor.h", "#include \"../autograd/node.h\"", "wrong way"},
      {"framework/optim/optim.h", "#include \"../nn/module.h\"", "wrong way"},
      {"framework/io/npy.cpp", "#include \"framework/nn/module.h\"", "wrong way"},
      {"framework/simd/rows.cpp", "#include \"ops/simd/norm.h\"", "wrong way"},
      {"ops/onednn/gemm.cpp", "#include \"ops/product.h\"", "wrong way"},
      {"models/layers/layers.cpp", "#include \"ops/simd/norm.h\"", "wrong way"},
      {"models/text/tokenizer.cpp", "#include \"ops/ops.h\"", "wrong way"},
      {"models/language/mini_lm.cpp", "#include \"models/generation/generate.h\"", "wrong way"},
      {"models/saved/saved_model.cpp", "#include \"models/training/run.h\"", "wrong way"},
      {"models/language/model_types.cpp", "#include \"apps/cli/output.h\"", "wrong way"},
      {"models/language/model_types.h", "#include \"../saved/saved_model.h\"", "wrong way"},
      {"examples/hooks.cpp", "#include \"framework/nn/module.h\"", "wrong way"},
      {"ops/linear.cpp", "#include <oneapi/dnnl/dnnl.h>", "oneDNN"},
      {"framework/autograd/engine.cpp", "void f() { dnnl_memory_destroy(0); }", "oneDNN"},
      {"apps/main.cpp", "dnnl::engine e;", "oneDNN"},
      {"ops/matmul.cpp", "#include \"hwy/highway.h\"", "Highway"},
      {"ops/onednn/cache.cpp", "int x = HWY_MAX(1, 2);", "Highway"},
      {"framework/simd/rows.cpp", "#pragma omp parallel", "OpenMP"},
      {"ops/linear.cpp", "#include <omp.h>", "OpenMP"},
      {"framework/base/parallel.cpp", "#pragma omp parallel", "OpenMP"},
      {"ops/onednn/cache.cpp", "omp_set_num_threads(1);", "OpenMP"},
      {"ops/linear.cpp", "int n = omp_get_max_threads();", "OpenMP"},
      {"models/generation/generate.cpp", "#include <thread>", "threads"},
      {"models/generation/generate.cpp", "auto f = std::async(g);", "threads"},
      {"apps/main.cpp", "std::jthread t;", "threads"},
      {"framework/tensor/tensor.h", "#include <boost/unordered_map.hpp>",
       "public header includes <boost/"},
      {"framework/tensor/tensor.h", "#include <nlohmann/json.hpp>",
       "public header includes <nlohmann/"},
      {"framework/tensor/tensor.h", "#include <utf8proc.h>", "public header includes <utf8proc.h>"},
      {"framework/tensor/tensor.h", "#include \"../base/parallel.h\"", "no public header"},
      {"framework/tensor/tensor.h", "#include \"framework/tensor/shape.h\"",
       "no public header at this relative path"},
      {"ops/ops.h", "#include \"framework/autograd/engine.h\"",
       "no public header at this relative path"},
      {"framework/tensor/tensor.h", "#  define VITRO_X 1", "macro"},
      {"framework/tensor/tensor.h", "\nnamespace vitro {\n}", "visibility"},
      {"framework/tensor/copy.cpp", "#include \"loops.h\"", "from the root"},
      {"framework/tensor/copy.cpp", "#include \"../tensor/loops.h\"", "from the root"},
      {"apps/main.cpp", "#include \"nowhere.h\"", "from the root"},
  };
  for (const Planted& p : planted) {
    std::string all;
    for (const std::string& fault : faults(p.path, p.text)) all += fault + "; ";
    CAPTURE(p.path, p.text);
    CHECK_THAT(all, Catch::Contains(p.complaint));
  }
}

TEST_CASE("rules: the checker accepts correct text") {
  const std::pair<const char*, const char*> right[] = {
      {"ops/linear.cpp",
       "#include \"framework/tensor/loops.h\"\n#include \"ops/product.h\"\n#include <cmath>"},
      {"ops/ops.h",
       "#include \"../framework/autograd/engine.h\"\n#include <optional>\nnamespace "
       "[[gnu::visibility(\"default\")]] vitro {"},
      {"ops/linear.cpp",
       "// dnnl_memory_t, HWY_MAX, std::thread and omp_get_max_threads are named in a comment\n"},
      {"models/language/model_types.cpp", "#include \"models/huggingface/layout.h\""},
      {"ops/linear.cpp", "/* #include <thread>\n#include <omp.h> */ int x;"},
      {"ops/onednn/gemm.cpp", "#include <oneapi/dnnl/dnnl.h>\n#include \"ops/onednn/cache.h\""},
      {"framework/simd/rows.cpp", "#include \"hwy/highway.h\"\nHWY_BEFORE_NAMESPACE();"},
      {"framework/base/parallel_worker.h", "#include <thread>\nstd::thread start();"},
      {"ops/onednn/single_thread.cpp", "void omp_set_num_threads(int);"},
      {"framework/tensor/tensor.h",
       "#include <boost/smart_ptr/intrusive_ptr.hpp>\n#include <vector>\n#include \"shape.h\""},
      {"examples/hooks.cpp", "#include <vitro/vitro.h>"},
      {"tests/framework/test_engine.cpp", "#include <thread>\nauto d = dnnl_f32;"},
  };
  for (auto& [path, text] : right) {
    CAPTURE(path, text);
    CHECK(faults(path, text).empty());
  }
}

TEST_CASE("rules: the closure of a file has all files that it includes") {
  CHECK(closure({"framework/base/cxx20.h"}) == std::set<std::string>{"framework/base/cxx20.h"});
  CHECK(closure({"framework/tensor/shape.h"}) ==
        std::set<std::string>{"framework/base/cxx20.h", "framework/base/dtype.h",
                              "framework/base/error.h", "framework/tensor/shape.h"});
}

// Each public header includes cxx20.h, so that an older compiler reports the language version
// first, whichever header a user includes.
TEST_CASE("rules: every public header includes cxx20.h") {
  for (const std::string& header : tree().public_headers) {
    INFO(header);
    CHECK(closure({header}).contains("framework/base/cxx20.h"));
  }
}

TEST_CASE("rules: comments are removed, and strings and line numbers stay") {
  CHECK(without_comments("a // b\nc") == "a \nc");
  CHECK(without_comments("a /* b\n */ c") == "a \n c");
  CHECK(without_comments("\"// no\" '\"' // yes") == "\"// no\" '\"' ");
  CHECK(methods_of("\nclass X {\n public:\n  X();\n  int f(int a) const;\n  Tensor& "
                   "operator+(int);\n private:\n  int g();\n};",
                   "X") == std::set<std::string>{"f", "operator+"});
}
