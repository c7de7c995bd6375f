// The runners over the op table: values, derivatives, kernels, layouts, no-grad, names, coverage.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "framework/autograd/gradcheck.h"
#include "framework/autograd/op_names.h"
#include "tests/ops/op_table.h"
#include "tests/support/paths.h"

using namespace vitro;
using namespace vitro::tests;

namespace {

// Reports what `wrong(row, random)` says is wrong ("" for nothing), and what it throws, by the
// row's name, which decides the random numbers: those of a row do not depend on the others.
template <class F>
void for_rows(int seed, F wrong) {
  int rows = 0;
  for (const Row& row : op_table()) {
    std::string text = std::to_string(seed) + row.name();
    std::seed_seq seeds(text.begin(), text.end());
    std::mt19937_64 random(seeds);
    try {
      text = wrong(row, random);
    } catch (const std::exception& e) { text = std::string("throws ") + e.what(); }
    if (!text.empty()) FAIL_CHECK(row.name() << ": " << text);
    ++rows;
  }
  CHECK(rows > 700);
}

bool runs_in(const Row& row, DType dtype) {
  const auto& all = row.options.dtypes;
  return std::find(all.begin(), all.end(), dtype) != all.end();
}

Tensors leaves(const Tensors& x) {
  Tensors y;
  for (const Tensor& t : x)
    y.push_back(t.detach()), y.back().requires_grad_(is_floating(t.dtype()));
  return y;
}

int64_t elements(const Row& row) {
  int64_t n = 0;
  for (const Input& input : row.inputs) n += numel(input.shape);
  return n;
}

double largest(const Arrays& xs) {
  double m = 0;
  for (const Array& x : xs)
    for (double v : x.values) m = std::max(m, std::abs(v));
  return m;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The first element of `got` further from `wanted` than bound(k), in words.
template <class Bound>
std::string difference(const Array& got, const Array& wanted, Bound bound) {
  std::ostringstream text;
  if (!(got.shape == wanted.shape)) {
    text << "shape " << got.shape << ", expected " << wanted.shape;
    return text.str();
  }
  for (size_t k = 0; k < wanted.values.size(); ++k) {
    double a = got.values[k], b = wanted.values[k];
    if (same(a, b) || std::abs(a - b) <= bound(k)) continue;
    text.precision(17);
    text << "element " << k << " of " << got.shape << " is " << a << ", expected " << b
         << " to within " << bound(k);
    return text.str();
  }
  return "";
}

double l2(const Array& x) {
  double sum = 0;
  for (double v : x.values) sum += v * v;
  return std::sqrt(sum);
}

// d<dy, f(x)>/dx of every floating input; zeros where no gradient comes back.
Arrays gradients(const Row& row, const Tensors& inputs, const Tensor& dy,
                 bool create_graph = false) {
  Tensors x = leaves(inputs), wanted;
  for (const Tensor& t : x)
    if (t.requires_grad()) wanted.push_back(t);
  Tensors found = grad(row.f(x), wanted,
                       {.grad_outputs = {dy}, .create_graph = create_graph, .allow_unused = true});
  Arrays values;
  for (size_t i = 0; i < wanted.size(); ++i)
    values.push_back(
        to_array(found[i].defined() ? found[i] : zeros(wanted[i].shape(), wanted[i].dtype())));
  return values;
}

// A row with values as `dtype` holds them, and a dy for its result.  Undefined dy: no gradient.
struct Sample {
  Arrays values;
  Array dy;
  bool has_gradient;
  Sample(const Row& row, DType dtype, std::mt19937_64& random)
      : values(sample_inputs(row, dtype, random)) {
    Tensor y = row.f(leaves(to_tensors(row, values, dtype)));
    has_gradient = y.requires_grad();
    Row like{
        .function = "", .op = "", .variant = "", .f = {}, .inputs = {{y.shape()}}, .reference = {}};
    dy = sample_inputs(like, dtype, random)[0];
  }
};

}  // namespace

TEST_CASE("op table: float64 values equal an independent reference") {
  for_rows(1, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (!runs_in(row, kFloat64)) return "";
    Arrays x = sample_inputs(row, kFloat64, random);
    Array wanted = row.reference(x);
    return difference(to_array(row.f(to_tensors(row, x, kFloat64))), wanted,
                      [&](size_t k) { return 1e-12 * std::max(0.1, std::abs(wanted.values[k])); });
  });
}

TEST_CASE("op table: each row's own output is made by the op that it names") {
  for_rows(2, [&](const Row& row, std::mt19937_64& random) -> std::string {
    for (DType dtype : row.options.dtypes) {
      Tensor y = row.f(leaves(to_tensors(row, sample_inputs(row, dtype, random), dtype)));
      std::string name = y.grad_fn() ? std::string(y.grad_fn()->name()) : "";
      if (name != row.op) return "its op is \"" + name + "\", not \"" + row.op + "\"";
    }
    return "";
  });
}

TEST_CASE("op table: nothing is recorded under no-grad") {
  for_rows(3, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (row.op == "embed_slice") return "";  // this row is a gradient, which must record
    Tensors x = leaves(
        to_tensors(row, sample_inputs(row, row.options.dtypes[0], random), row.options.dtypes[0]));
    NoGradGuard unrecorded;
    return row.f(x).grad_fn() ? "the output has a node" : "";
  });
}

TEST_CASE("op table: a result that is no view has storage of its own") {
  const std::set<std::string> views = {"", "reshape", "permute", "slice", "expand"};
  for_rows(12, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (views.count(row.op)) return "";
    for (DType dtype : row.options.dtypes) {
      Tensors x = leaves(to_tensors(row, sample_inputs(row, dtype, random), dtype));
      Tensor y = row.f(x);
      for (const Tensor& t : x)
        if (t.impl()->storage == y.impl()->storage) return "the result shares an input's storage";
    }
    return "";
  });
}

TEST_CASE("op table: first derivatives agree with central differences") {
  for_rows(4, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (!row.options.derivatives || !runs_in(row, kFloat64)) return "";
    for (int sample = 0; sample < (elements(row) <= 24 ? 10 : 2); ++sample) {
      GradCheck check =
          gradcheck(row.f, to_tensors(row, sample_inputs(row, kFloat64, random), kFloat64));
      if (!check) return check.message;
    }
    return "";
  });
}

TEST_CASE("op table: second derivatives agree with central differences") {
  for_rows(5, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (!row.options.derivatives || !runs_in(row, kFloat64)) return "";
    for (int sample = 0; sample < (elements(row) <= 24 ? 3 : 1); ++sample) {
      GradCheck check =
          gradgradcheck(row.f, to_tensors(row, sample_inputs(row, kFloat64, random), kFloat64));
      if (!check) return check.message;
    }
    return "";
  });
}

// --- float32 and bfloat16 ---

namespace {

// What is wrong with f(x) in `dtype`, held against float64 of the same inputs.
std::string wrong_value(const Row& row, DType dtype, std::mt19937_64& random) {
  Arrays x = sample_inputs(row, dtype, random), magnitudes = x;
  for (Array& input : magnitudes)
    for (double& v : input.values) v = std::abs(v);
  Array got = to_array(row.f(to_tensors(row, x, dtype)));
  Array wanted = to_array(row.f(to_tensors(row, x, kFloat64)));
  const double root = std::sqrt(static_cast<double>(row.options.reduction));
  double unit = 1e-6 * root;
  Array scale{wanted.shape, std::vector<double>(wanted.values.size(),
                                                largest(dtype == kFloat32 ? x : Arrays{wanted}))};
  if (row.options.scale) {  // |A||B| for a product
    scale = to_array(row.options.scale(to_tensors(row, magnitudes, kFloat64)));
    unit = 8 * 0x1p-24 * root;
  }
  return difference(got, wanted, [&](size_t k) {
    return dtype == kFloat32 ? 1.3e-6 * std::abs(wanted.values[k]) + unit * scale.values[k]
                             : 8e-3 * std::abs(wanted.values[k]) + 0x1p-8 * scale.values[k];
  });
}

// Element by element in float32, by the relative L2 norm in bfloat16.  A gradient that cancels is
// held against dy, of which it is made.
std::string wrong_gradient(const Row& row, DType dtype, const Array& got, const Array& wanted,
                           const Array& dy) {
  const double most = std::max(largest({wanted}), 0.3 * largest({dy}));
  const double atol = 1e-6 * std::sqrt(static_cast<double>(row.options.reduction)) * most;
  if (dtype == kFloat32)
    return difference(got, wanted,
                      [&](size_t k) { return 1.3e-6 * std::abs(wanted.values[k]) + atol; });
  Array error = got;
  for (size_t k = 0; k < error.values.size(); ++k)
    error.values[k] = same(got.values[k], wanted.values[k]) ? 0 : got.values[k] - wanted.values[k];
  if (l2(error) <= 2e-2 * std::max(most, l2(wanted))) return "";
  return "relative L2 error " + std::to_string(l2(error) / l2(wanted));
}

std::string wrong_gradients(const Row& row, DType dtype, std::mt19937_64& random) {
  Sample s(row, dtype, random);
  if (!s.has_gradient) return "";
  auto dy_for = [&](DType d) {
    return to_tensor(s.dy, row.f(to_tensors(row, s.values, d)).dtype());
  };
  Arrays wanted = gradients(row, to_tensors(row, s.values, kFloat64), dy_for(kFloat64));
  for (bool create_graph : {false, true}) {
    if (create_graph && dtype == kBFloat16) continue;  // definitions round at every step
    Arrays got = gradients(row, to_tensors(row, s.values, dtype), dy_for(dtype), create_graph);
    for (size_t i = 0; i < got.size(); ++i) {
      std::string wrong = wrong_gradient(row, dtype, got[i], wanted[i], s.dy);
      if (wrong.empty()) continue;
      std::ostringstream text;
      text << "gradient " << i << (create_graph ? " with create_graph: " : ": ") << wrong;
      return text.str();
    }
  }
  return "";
}

template <class F>
std::string in_both_dtypes(const Row& row, std::mt19937_64& random, F wrong) {
  for (DType dtype : {kFloat32, kBFloat16}) {
    std::string text = runs_in(row, dtype) ? wrong(row, dtype, random) : "";
    if (!text.empty()) return std::string(dtype_name(dtype)) + ": " + text;
  }
  return "";
}

}  // namespace

TEST_CASE("op table: float32 and bfloat16 values agree with float64 of the same inputs") {
  for_rows(6, [&](const Row& row, std::mt19937_64& random) {
    return in_both_dtypes(row, random, wrong_value);
  });
}

TEST_CASE("op table: float32 and bfloat16 gradients agree with float64 of the same inputs") {
  for_rows(7, [&](const Row& row, std::mt19937_64& random) {
    return in_both_dtypes(row, random, wrong_gradients);
  });
}

TEST_CASE("op table: arrays large enough for threads and oneDNN agree with float64 too") {
  for_rows(13, [&](const Row& row, std::mt19937_64& random) -> std::string {
    bool enlarges = row.inputs.size() == 1 && row.inputs[0].shape == Shape{5, 17} &&
                    row.inputs[0].domain != Domain::kDistinct;
    if (!enlarges) return "";
    Row large = row;
    large.inputs[0].shape = {300, 257};
    std::string wrong = in_both_dtypes(large, random, wrong_value);
    return wrong.empty() ? in_both_dtypes(large, random, wrong_gradients) : wrong;
  });
}

// --- layouts ---

namespace {

// The same values, stored in the opposite order of axes.
Tensor transposed_storage(const Tensor& x) {
  Shape back;
  for (int i = x.rank(); i-- > 0;) back.push_back(i);
  return permute(contiguous(permute(x, back)), back).detach();
}

// The same values, every other element of a larger tensor that holds NaN, or ids out of range,
// between.
Tensor sliced_storage(const Tensor& x) {
  Shape shape = x.shape(), sizes = x.shape();
  if (x.rank() == 0) shape = sizes = {1};
  for (int i = 0; i < sizes.rank(); ++i) sizes[i] = 2 * sizes[i] + 1;
  Tensor room = full(sizes,
                     is_floating(x.dtype()) ? std::nan("")
                     : x.dtype() == kBool   ? 1
                                            : -12345,
                     x.dtype());
  Strides strides = room.strides();
  int64_t offset = 0;
  for (int i = 0; i < sizes.rank(); ++i) offset += strides[i], strides[i] *= 2;
  Tensor y = make_view(room, shape, strides, offset);
  y.copy_(reshape(x, shape));
  return x.rank() ? y : make_view(room, {}, {}, offset);
}

}  // namespace

TEST_CASE("op table: results do not depend on how an input is laid out") {
  for_rows(8, [&](const Row& row, std::mt19937_64& random) -> std::string {
    if (!row.options.layouts) return "";
    for (DType dtype : row.options.dtypes) {
      Sample s(row, dtype, random);
      const Tensors plain = to_tensors(row, s.values, dtype);
      Tensor y = row.f(plain), dy = s.has_gradient ? to_tensor(s.dy, y.dtype()) : Tensor();
      Arrays wanted = s.has_gradient ? gradients(row, plain, dy) : Arrays{};
      wanted.push_back(to_array(y));
      for (auto relaid : {transposed_storage, sliced_storage})
        for (size_t i = 0; i < plain.size() + (s.has_gradient ? 1 : 0); ++i) {
          Tensors x = plain;
          if (i < x.size()) x[i] = relaid(x[i]);
          Arrays got =
              s.has_gradient ? gradients(row, x, i < x.size() ? dy : relaid(dy)) : Arrays{};
          got.push_back(to_array(row.f(x)));
          for (size_t j = 0; j < got.size(); ++j) {
            // Products of different strides run on different kernels, which add up in different
            // orders.
            const double unit = !row.options.scale || dtype == kFloat64 ? 0
                                : dtype == kFloat32                     ? 1e-6
                                                                        : 0x1p-7;
            const double bound =
                unit * std::sqrt(static_cast<double>(row.options.reduction)) * largest({wanted[j]});
            std::string wrong = difference(got[j], wanted[j], [bound](size_t) { return bound; });
            if (!wrong.empty())
              return std::string(dtype_name(dtype)) +
                     (relaid == transposed_storage ? ", transposed " : ", sliced ") +
                     (i < x.size() ? "input " + std::to_string(i) : "dy") + ": " +
                     (j + 1 == got.size() ? "the result's "
                                          : "gradient " + std::to_string(j) + "'s ") +
                     wrong;
          }
        }
    }
    return "";
  });
}

// --- coverage ---

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
    ++declared[name];  // of framework/autograd/node.h
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
  // What the engine and modules put between ops has tests of its own (test_gradcheck, test_hooks).
  const std::set<std::string> internal = {"alias", "hooked_input", "hooked_output"};
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

TEST_CASE("op table: integer and bool inputs work without a node, or are a DTypeError") {
  for_rows(11, [&](const Row& row, std::mt19937_64& random) -> std::string {
    Arrays values = sample_inputs(row, kFloat64, random);
    for (DType dtype : {kInt64, kInt32, kUInt8, kBool}) {
      Tensors x = to_tensors(row, values, kFloat64);
      for (size_t i = 0; i < x.size(); ++i)
        if (row.inputs[i].is_floating()) x[i] = to(abs(x[i]), dtype);
      try {
        if (row.f(x).requires_grad() && row.op != "embed_slice") return "the result requires grad";
      } catch (const DTypeError&) {}
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
