// Lists of tensors with names.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Names and their tensors, in order.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace vitro
