// Three training steps of GPT-2 (124,439,808 parameters).  The memory of the process is measured.
#include <vitro/vitro.h>

int main() {
  using namespace vitro;
  models::GPT model(models::GPTConfig::preset("gpt2"));
  optim::AdamW opt(model.named_parameters(), {.lr = 1e-4});
  const Tensor ids = randint(0, 50257, {4, 64}), targets = randint(0, 50257, {4, 64});
  for (int step = 0; step < 3; ++step) {
    opt.zero_grad();
    model.loss(ids, targets).backward();
    opt.step();
  }
}
