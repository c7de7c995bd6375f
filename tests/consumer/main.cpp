// A user's program.  It has a header framework/tensor/tensor.h, as vitro has, and catches errors of
// vitro.
#include "framework/tensor/tensor.h"

#include <vitro/vitro.h>

#include <iostream>

int main() {
  vitro::Tensor a = vitro::ones({ConsumerTensor().rank, 3}).requires_grad_(true);
  vitro::Tensor b = vitro::ones({3, 4});
  vitro::sum(vitro::matmul(a, b)).backward();
  if (a.grad().data<float>()[0] != 4.0f) {
    std::cerr << "the gradient of a is wrong\n";
    return 1;
  }
  try {
    vitro::matmul(a, a);
  } catch (const vitro::ShapeError& error) {
    std::cout << "consumer: ok: " << error.what() << "\n";
    return 0;
  }
  std::cerr << "a wrong shape was accepted\n";
  return 1;
}
