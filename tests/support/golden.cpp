// Reads golden files and compares tensors with them.
#include "tests/support/golden.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "tests/support/paths.h"

namespace vitro::testing {

namespace {

using Json = nlohmann::json;

DType dtype_named(const std::string& name) {
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool})
    if (name == dtype_name(d) || name == std::string(dtype_name(d)) + "_bits") return d;
  fail<ValueError>("goldens: no dtype is called ", name);
}

Shape shape_of(const Json& sizes) {
  const auto list = sizes.get<std::vector<int64_t>>();
  return Shape(std::span<const int64_t>(list));
}

// Reads a number.  JSON has no NaN and no infinity, so they are strings.
template <class T>
T number(const Json& value) {
  if constexpr (std::is_integral_v<T>) return value.get<T>();
  else {
    double x = 0;
    if (!value.is_string()) x = value.get<double>();
    else if (value == "nan") x = std::numeric_limits<double>::quiet_NaN();
    else x = value == "inf" ? HUGE_VAL : -HUGE_VAL;
    return static_cast<T>(
        static_cast<std::conditional_t<std::is_same_v<T, BFloat16>, float, double>>(x));
  }
}

// Reads a floating number from its bit pattern.
template <class T>
T from_bits(const Json& value) {
  if constexpr (std::is_same_v<T, float>) return std::bit_cast<float>(value.get<uint32_t>());
  else if constexpr (std::is_same_v<T, BFloat16>)
    return std::bit_cast<BFloat16>(value.get<uint16_t>());
  else fail<ValueError>("goldens: bit patterns are of float32 or bfloat16");
}

Tensor tensor_of(const Json& data, const Shape& shape, const std::string& dtype) {
  const bool bits = dtype.ends_with("_bits");
  Tensor x = empty(shape, dtype_named(dtype));
  check<ValueError>(data.size() == static_cast<size_t>(x.numel()), "goldens: ", data.size(),
                    " numbers for shape ", shape);
  visit_dtype(x.dtype(), [&]<class T>() {
    T* p = x.mutable_data<T>();
    for (const Json& value : data) *p++ = bits ? from_bits<T>(value) : number<T>(value);
  });
  return x;
}

GoldenCase read_case(const Json& json) {
  GoldenCase c;
  c.json = json;
  c.name = json.at("name");
  if (!json.contains("inputs")) return c;  // a case of printing.json
  c.op = json.at("op");
  for (const Json& input : json.at("inputs")) {
    c.names.push_back(input.at("name"));
    c.inputs.push_back(golden_tensor(input));
  }
  if (!json.contains("outputs")) return c;  // a case of init.json
  for (const Json& output : json.at("outputs")) c.outputs.push_back(golden_tensor(output));
  if (!json.at("grad_output").is_null())
    c.grad_output = tensor_of(json.at("grad_output"), c.outputs[0].shape(), "float64");
  const Json& grads = json.at("grads");
  for (size_t i = 0; i < c.inputs.size(); ++i)
    c.grads.push_back(grads[i].is_null() ? Tensor()
                                         : tensor_of(grads[i], c.inputs[i].shape(), "float64"));
  return c;
}

template <class T>
bool agree(T a, T b, double rtol, double atol) {
  if (a != a || b != b) return a != a && b != b;
  if (rtol == 0 && atol == 0) return std::memcmp(&a, &b, sizeof a) == 0;
  const auto x = static_cast<double>(a), y = static_cast<double>(b);
  return x == y ||
         (std::isfinite(x) && std::isfinite(y) && std::abs(x - y) <= atol + rtol * std::abs(y));
}

}  // namespace

const Tensor& GoldenCase::input(const std::string& wanted) const {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == wanted) return inputs[i];
  fail<ValueError>("goldens: ", name, " has no input ", wanted);
}

Tensor golden_tensor(const Json& json) {
  const Shape shape = shape_of(json.at("shape"));
  if (json.contains("data")) return tensor_of(json.at("data"), shape, json.at("dtype"));
  const double start = json.at("arange")[0], step = json.at("arange")[1];
  return (arange(static_cast<double>(numel(shape)), kFloat64) * step + start)
      .to(dtype_named(json.at("dtype")))
      .reshape(shape);
}

std::vector<GoldenCase> read_goldens(const std::string& file) {
  std::ifstream in(source_path("tests/golden/" + file + ".json"));
  check<IoError>(in.good(), "goldens: cannot open ", file);
  std::vector<GoldenCase> cases;
  for (const Json& json : Json::parse(in)) cases.push_back(read_case(json));
  return cases;
}

std::string difference(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
  std::ostringstream out;
  if (!actual.defined()) return "undefined";
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    out << actual.dtype() << " " << actual.shape() << ", expected " << expected.dtype() << " "
        << expected.shape();
    return out.str();
  }
  Tensor a = actual.detach().contiguous(), b = expected.detach().contiguous();
  visit_dtype(a.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < a.numel() && out.tellp() == 0; ++i)
      if (!agree(a.data<T>()[i], b.data<T>()[i], rtol, atol))
        out << "element " << i << " is " << +a.data<T>()[i] << ", expected " << +b.data<T>()[i];
  });
  return out.str();
}

}  // namespace vitro::testing
