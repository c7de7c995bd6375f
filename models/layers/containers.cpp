// The forward of Sequential.
#include "models/layers/containers.h"

namespace vitro::nn {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (Item& item : items_) y = (*item.module)(y);
  return y;
}

}  // namespace vitro::nn
