// An operation of your own: its node, its function, a check of its gradients, and its use.
#include <vitro/vitro.h>

#include <cmath>
#include <iostream>

using namespace vitro;

// softsign: y = x / (1 + |x|)   =>   dx = dy / (1 + |x|)^2
struct Softsign final : Op<Softsign> {
  static constexpr std::string_view kName = "softsign";
  TensorList backward(const Tensor& dy) override {
    const Tensor d = 1 + abs(input(0));
    return {dy / (d * d)};  // made of vitro's operations, so it can be differentiated again
  }
};

template <class T>
void softsign_kernel(const Tensor& x, Tensor& y) {
  const T* in = x.data<T>();
  T* out = y.mutable_data<T>();
  for (int64_t i = 0; i < x.numel(); ++i) out[i] = in[i] / (1 + std::abs(in[i]));
}

// x / (1 + |x|), elementwise.  float32 and float64.
Tensor softsign(const Tensor& x) {
  check<DTypeError>(x.dtype() == kFloat32 || x.dtype() == kFloat64,
                    "softsign: expected float32 or float64, got ", x.dtype());
  const Tensor in = contiguous(x.detach());
  Tensor y = empty(in.shape(), in.dtype());
  if (x.dtype() == kFloat32) softsign_kernel<float>(in, y);
  else softsign_kernel<double>(in, y);
  if (Node* node = record<Softsign>(y, x)) node->save_input(0, x);  // only if a gradient is wanted
  return y;
}

int main() {
  manual_seed(1);
  const auto f = [](const std::vector<Tensor>& in) { return softsign(in[0]); };
  const Tensor x = randn({2, 3}, kFloat64).requires_grad_();
  const GradCheck first = gradcheck(f, {x}), second = gradgradcheck(f, {x});
  std::cout << "first derivative " << (first ? "agrees" : first.message) << ", second derivative "
            << (second ? "agrees" : second.message) << '\n';

  // It is used like any other operation: the model learns y = sign(a b) from two numbers a and b.
  nn::Linear hidden(2, 16), out(16, 1);
  optim::Adam opt(std::vector<Tensor>{hidden.weight, hidden.bias, out.weight, out.bias},
                  {.lr = 2e-2});
  double loss = 0;
  for (int step = 0; step <= 300; ++step) {
    const Tensor in = randn({64, 2});
    const Tensor product = in.select(1, 0) * in.select(1, 1);
    const Tensor target = where(gt(product, 0), ones({64}), -ones({64}));
    Tensor error = mse_loss(softsign(out(softsign(hidden(in)))).squeeze(1), target);
    loss = error.item();
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss << '\n';
    opt.zero_grad();
    error.backward();
    opt.step();
  }
  return first && second && loss < 0.4 ? 0 : 1;
}
