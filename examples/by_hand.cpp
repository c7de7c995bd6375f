// A module of your own, recomputed by hand: its formula in plain loops, and the proof that it
// holds.
#include <vitro/vitro.h>

#include <cmath>
#include <iostream>

using namespace vitro;

// y = x + g tanh(inner(x)), with one number g for each feature.
struct Gated : nn::Module {
  nn::Linear inner{4, 4};
  nn::Parameter g = ones({4}) * 0.5;
  void members(nn::Visitor& v) override { v("inner", inner), v("g", g); }
  Tensor forward(const Tensor& x) override { return x + g * tanh(inner(x)); }
};

// The same in float64, without an operation of vitro.  The Hand computes what `inner` computes.
proof::Array gated_by_hand(Gated& m, proof::Hand& hand, const proof::Array& x) {
  const proof::Array a = hand(m.inner, x);
  const std::vector<double> g = hand.numbers(m.g);
  proof::Array y = x;
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t i = 0; i < x.width(); ++i) y.row(row)[i] += g[i] * std::tanh(a.row(row)[i]);
  return y;
}

int main() {
  manual_seed(7);
  nn::Sequential model{nn::Linear(3, 4), Gated(), nn::Linear(4, 2)};
  const Tensor x = randn({5, 3});

  // Without a function by hand, the module's own forward is replayed in float64.
  std::cout << "replayed: " << (proof::verify(model, x).agrees() ? "agrees" : "differs") << '\n';

  proof::by_hand<Gated>("y = x + g tanh(inner(x))", gated_by_hand);
  std::cout << "by hand: " << (proof::verify(model, x).agrees() ? "agrees" : "differs") << '\n';

  // A fault is planted in the gradients of module "1", and the proof names it.
  const proof::Planted fault{.path = "1", .backward = true, .factor = 1.001};
  const proof::Report report = proof::verify(model, x, {.planted = fault});
  std::cout << "first fault: module " << report.first->path << ", " << report.first->what << '\n';
}
