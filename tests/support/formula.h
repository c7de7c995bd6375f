// Weights and ids that need no file: formulas of integers, exact in float32, as formula.py has
// them.
#pragma once
#include <array>
#include <string>

#include "vitro.h"

namespace vitro::testing {

// Sets every parameter to (1 for the weight of a norm, else 0) + a u, u in [-1, 1) in steps of
// 2^-15 from a hash of name and index; `a` depends on the layer and on `scale`, a power of two.
void set_to_formula(const NamedTensors& parameters, double scale);

// Ids (B, T), and the targets that follow them.
models::Batch formula_batch(const std::string& name, int64_t batch, int64_t time,
                            int64_t vocab_size);

// The products of x with eight vectors of +-1 that belong to the name.  Of the difference of two
// tensors their root mean square is its L2 norm, up to chance.
std::array<double, 8> projections(const std::string& name, const Tensor& x);

}  // namespace vitro::testing
