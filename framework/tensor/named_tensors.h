// Tensors with their names, in an order.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace vitro
