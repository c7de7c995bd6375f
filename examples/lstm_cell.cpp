// An LSTM (Hochreiter and Schmidhuber, 1997) made of simple operations; it learns to remember.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

// In each step, one product with x and one with h give all four gates:
//   i, f, g, o = split(x W_x^T + b + h W_h^T)
//   c = sigmoid(f) c + sigmoid(i) tanh(g),   h = sigmoid(o) tanh(c)
struct Lstm : nn::Module {
  nn::Linear from_x, from_h;
  int64_t size;
  Lstm(int64_t in, int64_t hidden)
      : from_x(in, 4 * hidden), from_h(hidden, 4 * hidden, {.bias = false}), size(hidden) {}
  void members(nn::Visitor& v) override { v("from_x", from_x), v("from_h", from_h); }

  // x (B, T, C) -> the last h (B, H).
  Tensor forward(const Tensor& x) override {
    Tensor h = zeros({x.size(0), size}), c = h;
    for (int64_t t = 0; t < x.size(1); ++t) {
      const std::vector<Tensor> gates = chunk(from_x(x.select(1, t)) + from_h(h), 4, /*axis=*/1);
      c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
      h = sigmoid(gates[3]) * tanh(c);
    }
    return h;
  }
};

int main() {
  // The model reads eight letters and then must name the first one.
  constexpr int64_t kLetters = 4, kTime = 8, kBatch = 32;
  manual_seed(1);
  Lstm lstm(kLetters, 16);
  nn::Linear head(16, kLetters);
  std::vector<Tensor> parameters = lstm.parameters();
  parameters.insert(parameters.end(), {head.weight, head.bias});
  optim::Adam opt(parameters, {.lr = 1e-2});

  double right = 0;
  for (int step = 0; step <= 300; ++step) {
    const Tensor ids = randint(0, kLetters, {kBatch, kTime}, kInt64);
    const Tensor first = ids.select(1, 0);
    const Tensor logits = head(lstm(one_hot(ids, kLetters).to(kFloat32)));
    Tensor loss = cross_entropy(logits, first);
    right = eq(argmax(logits, 1), first).to(kFloat32).mean().item();
    if (step % 100 == 0)
      std::cout << "step " << step << ": loss " << loss.item() << ", right " << right * 100
                << " %\n";
    opt.zero_grad();
    loss.backward();
    optim::clip_grad_norm_(parameters, 1.0);
    opt.step();
  }
  return right == 1 ? 0 : 1;
}
