// The activations and their slopes by hand.
#pragma once
#include "framework/base/activation.h"
#include "models/proof/kinds/sized.h"

namespace vitro::proof {

Sized activation_by_hand(Activation f, double x);  // f(x)
Sized slope_by_hand(Activation f, double x);       // f'(x)
Array activation_by_hand(Activation f, const Array& x);
Array activation_gradient(Activation f, const Array& x, const Array& dy);  // dx = dy f'(x)

}  // namespace vitro::proof
