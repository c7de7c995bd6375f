// Autograd in ten lines: an expression, its value, and its gradients.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

int main() {
  Tensor a = tensor(2.0).requires_grad_();
  Tensor b = tensor(-3.0).requires_grad_();
  Tensor c = tanh(a * b + 10);  // each operation adds a node to the graph
  c.backward();                 // walks the graph from c back to a and b
  std::cout << "c = " << c.item() << ", dc/da = " << a.grad().item()
            << ", dc/db = " << b.grad().item() << '\n';

  // On paper: dc/da = (1 - c^2) b, because tanh'(s) = 1 - tanh(s)^2 and d(a b)/da = b.
  const double by_hand = (1 - c.item() * c.item()) * b.item();
  std::cout << "by hand: dc/da = " << by_hand << '\n';
  return std::abs(a.grad().item() - by_hand) < 1e-6 ? 0 : 1;
}
