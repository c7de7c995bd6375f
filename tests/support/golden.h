// Reads the golden files: one case per call of PyTorch or NumPy, its tensors as vitro's.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vitro.h"

namespace vitro::testing {

struct GoldenCase {
  std::string name, op;
  nlohmann::json json;             // the case as it stands in the file, with its args
  std::vector<std::string> names;  // of the inputs
  std::vector<Tensor> inputs, outputs;
  Tensor grad_output;         // for outputs[0]; undefined where nothing is differentiable
  std::vector<Tensor> grads;  // one per input, like it; undefined: no gradient

  const nlohmann::json& arg(const std::string& name) const { return json.at("args").at(name); }
  bool has_arg(const std::string& name) const { return json.at("args").contains(name); }
  const Tensor& input(const std::string& name) const;
};

// All cases of tests/golden/<file>.json.
std::vector<GoldenCase> read_goldens(const std::string& file);

// A tensor from {dtype, shape, data}, or {dtype, shape, arange: [start, step]}.
Tensor golden_tensor(const nlohmann::json& json);

// "" where `actual` has the dtype, shape and numbers of `expected`, NaN where that is NaN; else
// what differs first.  Numbers agree within atol + rtol |expected|; both 0: bit for bit, but for
// NaN.
std::string difference(const Tensor& actual, const Tensor& expected, double rtol, double atol);

}  // namespace vitro::testing
