// Computes weights and ids from formulas, so tests need no files for them.  The values are exact in
// float32, and formula.py computes the same ones.
#pragma once
#include <array>
#include <string>

#include "vitro.h"

namespace vitro::testing {

// Sets every element of a parameter to m + a u: m is 1 for the weight of a norm, else 0; u is in
// [-1, 1) in steps of 2^-15, from a hash of name and index; a depends on the layer and on `scale`,
// a power of two.
void set_to_formula(const NamedTensors& parameters, double scale);

// Ids (B, T) and targets (B, T): each target is the token after its id.
models::Batch formula_batch(const std::string& name, int64_t batch, int64_t time,
                            int64_t vocab_size);

// The dot products of x with eight vectors of random signs, which depend on the name.  If x is the
// difference of two tensors, the root mean square of the eight numbers estimates the norm of x.
std::array<double, 8> projections(const std::string& name, const Tensor& x);

}  // namespace vitro::testing
