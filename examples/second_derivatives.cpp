// Second derivatives: a Hessian-vector product, and a loss that contains a gradient.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

// Rosenbrock's function 100 (b - a^2)^2 + (1 - a)^2 of x = (a, b); its minimum lies at (1, 1).
Tensor rosenbrock(const Tensor& x) {
  const Tensor a = x[0], b = x[1];
  return 100 * (b - a * a) * (b - a * a) + (1 - a) * (1 - a);
}

// H v, where H is the matrix of second derivatives of f: the gradient of (df/dx . v).
Tensor hessian_times(const Tensor& f, const Tensor& x, const Tensor& v) {
  const Tensor first = grad(f, {x}, {.create_graph = true})[0];  // recorded, so differentiable
  return grad((first * v).sum(), {x})[0];
}

// Trains a critic D(x) until the norm of dD/dx is 1 at random points, as in a WGAN-GP (Gulrajani et
// al., 2017).  Returns the last penalty.
double train_with_penalty() {
  nn::Linear hidden(2, 16), out(16, 1);
  const auto critic = [&](const Tensor& x) { return out(tanh(hidden(x))); };
  std::vector<Tensor> parameters{hidden.weight, hidden.bias, out.weight, out.bias};
  optim::Adam opt(parameters, {.lr = 1e-2});
  double last = 0;
  for (int step = 0; step <= 200; ++step) {
    Tensor x = randn({32, 2}).requires_grad_();
    const Tensor dx = grad(critic(x).sum(), {x}, {.create_graph = true})[0];  // (32, 2)
    const Tensor too_long = norm(dx, 1) - 1;                                  // (32)
    Tensor penalty = (too_long * too_long).mean();
    last = penalty.item();
    if (step % 50 == 0) std::cout << "step " << step << ": penalty " << last << '\n';
    opt.zero_grad();
    penalty.backward();  // through the gradient, into the parameters
    opt.step();
  }
  return last;
}

int main() {
  Tensor x = tensor({1.0, 1.0}, kFloat64).requires_grad_();
  const Tensor hv = hessian_times(rosenbrock(x), x, tensor({1.0, 0.0}, kFloat64));
  // On paper H = (1200 a^2 - 400 b + 2, -400 a; -400 a, 200): its first column is (802, -400).
  std::cout << "H (1, 0) = " << hv << '\n';

  manual_seed(1);
  const double penalty = train_with_penalty();
  return hv[0].item() == 802 && hv[1].item() == -400 && penalty < 0.02 ? 0 : 1;
}
