// The tests that run over the op table: values, derivatives, kernels, layouts, no-grad, names.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <sstream>

#include "framework/autograd/gradcheck.h"
#include "tests/ops/for_rows.h"

using namespace vitro;
using namespace vitro::tests;

namespace {

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

// Describes the first element k of `got` that is further than bound(k) from `wanted`; "" if there
// is none.
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

// The gradients of sum(dy f(x)) for all floating inputs; zeros for inputs without a gradient.
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

// Random inputs of a row, rounded to `dtype`, and a dy for its result.
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
    if (row.op == "embed_slice") return "";  // this row calls grad, which needs a graph
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

// Compares f(x) in `dtype` with float64 on the same inputs; returns the difference in words, or "".
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

// Compares float32 element by element, bfloat16 by the relative L2 norm.  The bound is relative to
// dy where the gradient is small by cancellation.
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
    if (create_graph && dtype == kBFloat16) continue;  // each op of a definition rounds
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

// The same values, stored as every other element of a larger tensor.  The elements between them are
// NaN, or ids out of range.
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
            // Products with different strides run on different kernels, which add up in different
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
