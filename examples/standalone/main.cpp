// Fits a line to points of y = 3 x - 1 with noise: the model finds 3 and -1.
#include <vitro/vitro.h>

#include <cmath>
#include <iostream>

using namespace vitro;

int main() {
  manual_seed(1);
  const Tensor x = randn({100, 1}), y = 3 * x - 1 + 0.1 * randn({100, 1});
  nn::Linear line(1, 1);
  optim::SGD opt(line.named_parameters(), {.lr = 0.1});
  for (int step = 0; step < 100; ++step) {
    Tensor loss = mse_loss(line(x), y);
    opt.zero_grad();
    loss.backward();
    opt.step();
  }
  const double slope = line.weight.item(), offset = line.bias.item();
  std::cout << "y = " << slope << " x + " << offset << '\n';
  return std::abs(slope - 3) < 0.05 && std::abs(offset + 1) < 0.05 ? 0 : 1;
}
