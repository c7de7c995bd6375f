// Reads the golden files.  Each case is one call of PyTorch or NumPy, with its tensors.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vitro.h"

namespace vitro::testing {

struct GoldenCase {
  std::string name, op;
  nlohmann::json json;             // the case in the file, with its args
  std::vector<std::string> names;  // names of the inputs
  std::vector<Tensor> inputs, outputs;
  Tensor grad_output;         // for outputs[0]; undefined if nothing is differentiable
  std::vector<Tensor> grads;  // one per input, with its shape; undefined: no gradient

  const nlohmann::json& arg(const std::string& name) const { return json.at("args").at(name); }
  bool has_arg(const std::string& name) const { return json.at("args").contains(name); }
  const Tensor& input(const std::string& name) const;
};

// All cases of tests/golden/<file>.json.
std::vector<GoldenCase> read_goldens(const std::string& file);

// A tensor from {dtype, shape, data}, or {dtype, shape, arange: [start, step]}.
Tensor golden_tensor(const nlohmann::json& json);

// The first difference of dtype, shape or numbers, or "" if there is none.  Numbers agree within
// atol + rtol |expected|; if both tolerances are 0, they must have the same bits.  A NaN agrees
// with any NaN.
std::string difference(const Tensor& actual, const Tensor& expected, double rtol, double atol);

}  // namespace vitro::testing
