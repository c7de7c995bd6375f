// Modules that hold modules.
#include "models/layers/containers.h"

namespace vitro::nn {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& module : items_) y = (*module)(y);
  return y;
}

}  // namespace vitro::nn
