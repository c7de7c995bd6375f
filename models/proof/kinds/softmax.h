// The softmax of one row by hand.
#pragma once
#include <span>

#include "models/proof/kinds/sized.h"

namespace vitro::proof {

// Replaces x by softmax(x)_i = exp(x_i - max x) / sum_j exp(x_j - max x).
void softmax_by_hand(std::span<Sized> x);
// Replaces dy by dx = y (dy - sum(y dy)), for y = softmax(x).
void softmax_gradient(std::span<const Sized> y, std::span<Sized> dy);

}  // namespace vitro::proof
