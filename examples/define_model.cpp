// Defines a model: a struct with members, one list of their names, and a forward.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

// A layer with a shortcut around it, and a head: y = head(x + tanh(hidden(x))).
struct Residual : nn::Module {
  nn::Linear hidden, head;
  Residual(int64_t features, int64_t classes)
      : hidden(features, features), head(features, classes) {}
  void members(nn::Visitor& v) override { v("hidden", hidden), v("head", head); }
  Tensor forward(const Tensor& x) override { return head(x + tanh(hidden(x))); }
};

int main() {
  manual_seed(1);
  Residual model(4, 3);
  Tensor x = randn({2, 4});

  // Everything else follows from the list of members.  The model can be printed.
  std::cout << model.summary(x) << '\n';

  // It can be called, and its errors name the module.
  Tensor logits = model(x), probabilities = softmax(logits, -1);
  std::cout << "logits\n" << logits << "\nprobabilities\n" << probabilities << "\n\n";
  try {
    model(randn({2, 5}));
  } catch (const ShapeError& error) {
    std::cout << "Five features instead of four:\n" << error.what() << "\n\n";
  }

  // Its parameters have names, and get gradients.
  cross_entropy(logits, tensor({0, 2})).backward();
  bool all_have_gradients = true;
  for (auto& [name, p] : model.named_parameters()) {
    std::cout << name << ' ' << p.shape() << ", largest gradient " << p.grad().max().item() << '\n';
    all_have_gradients &= p.grad().defined();
  }
  const double rows = probabilities.sum().item();  // each row of probabilities sums to one
  return all_have_gradients && rows > 1.999 && rows < 2.001 ? 0 : 1;
}
