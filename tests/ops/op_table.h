// The op table has rows for every function of ops.h, each with an independent reference.
//
// A reference consists of plain loops over doubles, and calls no function of ops.h.  test_ops.cpp
// and test_op_coverage.cpp run over the rows.
#pragma once
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace vitro::tests {

using Tensors = std::vector<Tensor>;
using Place = std::vector<int64_t>;  // one index per axis

// References read and write arrays: numbers in row-major order.
struct Array {
  Shape shape;
  std::vector<double> values;
  double operator()(const Place& at) const;
};
using Arrays = std::vector<Array>;

enum class Domain {
  kAny,            // uniform in (-2, 2)
  kSmall,          // (-0.5, 0.5)
  kPositive,       // (0.5, 2.5)
  kAwayFromZero,   // 0.2 < |x| < 2: off the kinks of abs and relu, and a safe divisor
  kDistinct,       // pairwise 0.02 apart: input i has numbers within 0.02 of k/8 + i/16
  kSmallIntegers,  // -1, 0 or 1 as a floating number, so that equals occur
  kIds,            // int64 in [0, limit)
  kBool,
};
struct Input {
  Shape shape;
  Domain domain = Domain::kAny;
  int64_t limit = 0;
  bool is_floating() const { return domain < Domain::kIds; }
};

struct RowOptions {
  int64_t reduction = 1;    // terms of the longest sum, for the float32 bound
  bool derivatives = true;  // compare with finite differences (false: large or not differentiable)
  bool layouts = true;      // inputs may have any strides (false for view)
  std::vector<DType> dtypes = {kFloat64, kFloat32, kBFloat16};
  // The error bound is proportional to scale(|inputs|), or to the result if scale is null.
  std::function<Tensor(const Tensors&)> scale = {};
};

struct Row {
  std::string function;  // its name in ops.h
  std::string op;        // grad_fn()->name() of its output; "" if the output has no node
  std::string variant;
  std::function<Tensor(const Tensors&)> f;
  std::vector<Input> inputs;
  std::function<Array(const Arrays&)> reference;
  RowOptions options = {};
  std::string name() const { return function + (variant.empty() ? "" : ", " + variant); }
};
const std::vector<Row>& op_table();

// Random values for a row's inputs, rounded to `dtype`.
Arrays sample_inputs(const Row& row, DType dtype, std::mt19937_64& random);
Tensor to_tensor(const Array& values, DType dtype);
// Floating inputs get `dtype`; ids are int64, flags are bool.
Tensors to_tensors(const Row& row, const Arrays& values, DType dtype);
Array to_array(const Tensor& x);

}  // namespace vitro::tests
