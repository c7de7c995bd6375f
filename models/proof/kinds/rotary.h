// Rotary positions by hand.
#pragma once
#include "models/proof/array.h"

namespace vitro::proof {

enum class Turn {
  kForward,  // by the angle of the position
  kBack      // by its negative: the transpose of kForward, for gradients
};

// Turns each pair (a, b) = (x_i, x_(i + D/2)) of x (B, T, H, D) by the angle t base^(-2i / D):
// (a cos - b sin, b cos + a sin).
Array rotated(const Array& x, double base, Turn turn);

}  // namespace vitro::proof
