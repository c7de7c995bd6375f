// Tests that the op table has rows for every op, and that every op survives misuse.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "framework/autograd/op_names.h"
#include "tests/ops/for_rows.h"
#include "tests/support/paths.h"

using namespace vitro;
using namespace vitro::tests;

namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  std::vector<std::string> found;
  const std::regex regex(pattern, std::regex::multiline);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

const std::filesystem::path kSource = testing::source_path("");

}  // namespace

TEST_CASE("op table: every function of ops.h has rows, at least one per overload") {
  std::map<std::string, int> declared, rows;
  const std::string pattern =
      R"(^(?:inline )?(?:Tensor|std::vector<Tensor>|ValuesAndIndices) (\w+|operator[-+*/])\()";
  for (const std::string& name : matches(read(kSource / "ops/ops.h"), pattern)) ++declared[name];
  for (const char* name : {"add", "expand", "sum_to"})
    ++declared[name];  // declared in framework/autograd/node.h
  CHECK(declared.size() > 70);
  for (const Row& row : op_table()) ++rows[row.function];
  for (const auto& [name, overloads] : declared) {
    INFO(name << " has " << overloads << " overloads");
    CHECK(rows[name] >= overloads);
  }
  for (const auto& [name, n] : rows) {
    INFO(name << " is no function of ops.h");
    CHECK(declared.count(name) == 1);
  }
}

TEST_CASE("op table: every op of the library is the op of some row") {
  // The ops that the engine and modules insert have tests of their own (test_gradcheck,
  // test_hooks).  The seen products are parts of attention's definition; attention's rows check
  // them.
  const std::set<std::string> internal = {"alias", "hooked_input", "hooked_output", "seen_scores",
                                          "seen_sum"};
  std::set<std::string> in_sources, of_rows;
  for (const char* room : {"framework", "ops"})
    for (const auto& file : std::filesystem::directory_iterator(kSource / room))
      if (file.path().extension() == ".cpp")
        for (const std::string& name : matches(read(file.path()), R"re(kName = "(\w+)";)re"))
          in_sources.insert(name);
  CHECK(in_sources.size() > 50);
  for (const Row& row : op_table()) of_rows.insert(row.op);
  for (const std::string& name : in_sources) {
    INFO("op " << name);
    CHECK(std::count(op_names().begin(), op_names().end(), name) >= 1);
    CHECK(of_rows.count(name) + internal.count(name) == 1);
  }
}

// --- misuse that every op must survive ---

TEST_CASE("op table: an undefined input is a ValueError") {
  for_rows(9, [&](const Row& row, std::mt19937_64& random) -> std::string {
    for (size_t i = 0; i < row.inputs.size(); ++i) {
      // Weights, biases and masks are optional where the mathematics does not need them.
      if (row.function == "linear" && i == 2) continue;
      if (row.function.ends_with("_norm") && i >= 1) continue;
      if (row.inputs[i].domain == Domain::kBool && row.function.ends_with("attention")) continue;
      Tensors x =
          to_tensors(row, sample_inputs(row, row.options.dtypes[0], random), row.options.dtypes[0]);
      x[i] = Tensor();
      try {
        row.f(x);
        return "input " + std::to_string(i) + " may be undefined";
      } catch (const ValueError&) {}
    }
    return "";
  });
}

TEST_CASE("op table: mixed dtypes are a DTypeError") {
  for_rows(10, [&](const Row& row, std::mt19937_64& random) -> std::string {
    Tensors x = to_tensors(row, sample_inputs(row, kFloat32, random), kFloat32);
    const auto floating = std::count_if(row.inputs.begin(), row.inputs.end(),
                                        [](const Input& in) { return in.is_floating(); });
    for (size_t i = 0; floating > 1 && i < x.size(); ++i) {
      if (!row.inputs[i].is_floating()) continue;
      for (DType other : {kFloat64, kBFloat16, kInt64, kBool}) {
        Tensors mixed = x;
        mixed[i] = to(x[i], other);
        try {
          row.f(mixed);
          return "input " + std::to_string(i) + " may be " + std::string(dtype_name(other));
        } catch (const DTypeError&) {}
      }
    }
    return "";
  });
}

TEST_CASE(
    "op table: integer and bool inputs work without a node, or are a DTypeError or ValueError") {
  for_rows(11, [&](const Row& row, std::mt19937_64& random) -> std::string {
    Arrays values = sample_inputs(row, kFloat64, random);
    for (DType dtype : {kInt64, kInt32, kUInt8, kBool}) {
      Tensors x = to_tensors(row, values, kFloat64);
      for (size_t i = 0; i < x.size(); ++i)
        if (row.inputs[i].is_floating()) x[i] = to(abs(x[i]), dtype);
      try {
        if (row.f(x).requires_grad() && row.op != "embed_slice") return "the result requires grad";
      } catch (const DTypeError&) {
      } catch (const ValueError& error) {  // the dtype cannot represent a number of the formula
        if (std::string(error.what()).find("expected a number that") == std::string::npos) throw;
      }
    }
    return "";
  });
}

TEST_CASE("to: the gradient is converted back, to any order") {
  Tensor x = tensor({{0.5, -1.25}, {3.0, 0.125}}).requires_grad_();
  Tensor y = to(x, kFloat64);
  Tensor dy = full({2, 2}, 1.5, kFloat64).requires_grad_();
  Tensor dx = grad(y, {x}, {.grad_outputs = {dy}, .create_graph = true})[0];
  CHECK(dx.dtype() == kFloat32);
  CHECK(dx.grad_fn()->name() == "to");
  CHECK(to_array(dx).values == std::vector<double>(4, 1.5));
  Tensor ddy = grad(dx, {dy}, {.grad_outputs = {x.detach()}})[0];
  CHECK(ddy.dtype() == kFloat64);
  CHECK(to_array(ddy).values == std::vector<double>{0.5, -1.25, 3, 0.125});
}
