// Checks gradients against finite differences: first by hand, then with gradcheck.
#include <vitro/vitro.h>

#include <cmath>
#include <cstdio>

using namespace vitro;

int main() {
  manual_seed(5);
  const auto f = [](const Tensor& x) { return (sigmoid(x) * x).sum(); };
  Tensor x = randn({4}, kFloat64).requires_grad_();
  f(x).backward();

  // df/dx_i is about (f(x + e) - f(x - e)) / 2e, where e is added to x_i only.
  const double e = 1e-6;
  double worst = 0;
  for (int64_t i = 0; i < x.size(0); ++i) {
    const Tensor move = one_hot(tensor(i), x.size(0)).to(kFloat64) * e;
    const double difference = (f(x + move).item() - f(x - move).item()) / (2 * e);
    const double gradient = x.grad()[i].item();
    std::printf("x[%d]: gradient %+.8f, finite difference %+.8f\n", static_cast<int>(i), gradient,
                difference);
    worst = std::max(worst, std::abs(gradient - difference));
  }

  // gradcheck does this for every element of every input; gradgradcheck for the second derivative.
  const auto linear_gelu = [](const std::vector<Tensor>& in) {
    return gelu(linear(in[0], in[1], in[2]));
  };
  const std::vector<Tensor> inputs{randn({2, 3}, kFloat64).requires_grad_(),  // x
                                   randn({4, 3}, kFloat64).requires_grad_(),  // W
                                   randn({4}, kFloat64).requires_grad_()};    // b
  const GradCheck first = gradcheck(linear_gelu, inputs);
  const GradCheck second = gradgradcheck(linear_gelu, inputs);
  std::printf("gelu(x W^T + b): first derivative %s, second derivative %s\n",
              first ? "agrees" : first.message.c_str(), second ? "agrees" : second.message.c_str());

  // gradcheck finds a wrong gradient: detach() hides one factor of x^2 from the graph.
  const auto wrong = [](const std::vector<Tensor>& in) { return in[0].detach() * in[0]; };
  const GradCheck caught = gradcheck(wrong, {x});
  std::printf("x.detach() * x: %s\n", caught ? "agrees" : caught.message.c_str());
  return worst < 1e-8 && first && second && !caught ? 0 : 1;
}
