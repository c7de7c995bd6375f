// Hooks: they read activations inside a model, replace them, and watch gradients.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

int main() {
  manual_seed(3);
  models::MiniLM model({.vocab_size = 6, .n_embd = 4, .n_hidden = 8});
  Tensor ids = tensor({1, 4, 2});

  // Read: the hook sees the input and output of a module.  It returns nothing, so the output stays.
  std::vector<RemovableHandle> handles;
  for (auto& [path, module] : model.named_children())
    handles.push_back(
        module->register_forward_hook([path = path](nn::Module&, const Tensor& x, const Tensor& y) {
          std::cout << path << ": " << x.shape() << " -> " << y.shape() << ", mean "
                    << y.mean().item() << '\n';
        }));
  Tensor plain = model(ids);
  for (RemovableHandle& handle : handles) handle.remove();

  // Watch gradients: of a module's input and output, and of one tensor.  The hook of a module must
  // be registered before the module runs.
  int backward_runs = 0, tensor_runs = 0;
  nn::ScopedHook backward(model.hidden.register_full_backward_hook(
      [&](nn::Module&, const Tensor& grad_input, const Tensor& grad_output) {
        ++backward_runs;
        std::cout << "hidden: dL/dy " << grad_output.shape() << ", dL/dx " << grad_input.shape()
                  << '\n';
      }));
  nn::ScopedHook gradient(model.hidden.weight.register_hook([&](const Tensor& dw) {
    ++tensor_runs;
    std::cout << "hidden.weight: dL/dw " << dw.shape() << '\n';
  }));

  // Replace: switch off all hidden units except the first.  Gradients flow through the new value.
  Tensor first_unit = one_hot(tensor(0), 8).to(kFloat32), ablated;
  {
    nn::ScopedHook hook(model.hook_post.register_forward_hook(
        [&](nn::Module&, const Tensor&, const Tensor& y) { return y * first_unit; }));
    ablated = model(ids);
  }
  std::cout << "logits of the last position\n"
            << plain[-1] << "\nwith one hidden unit\n"
            << ablated[-1] << '\n';

  cross_entropy(ablated, tensor({4, 2, 0})).backward();
  Tensor rows = (model.hidden.weight.grad() * model.hidden.weight.grad()).sum(1);
  std::cout << "squared gradient per hidden unit\n" << rows << '\n';

  // The units that were switched off get no gradient; the first one does.
  const bool only_first = rows[0].item() > 0 && rows.slice(0, 1, 8).max().item() == 0;
  const bool restored = abs(model(ids) - plain).max().item() < 1e-6;  // the hook is gone
  return only_first && restored && backward_runs == 1 && tensor_runs == 1 ? 0 : 1;
}
