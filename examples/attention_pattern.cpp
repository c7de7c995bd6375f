// Trains a GPT to repeat the token two positions back, and draws its attention pattern: each token
// attends to the position that it must copy.
#include <vitro/vitro.h>

#include <iostream>

using namespace vitro;

int main() {
  constexpr int64_t kLetters = 8, kTime = 12, kBack = 2;
  manual_seed(1);
  models::GPT model(
      {.block_size = kTime, .vocab_size = kLetters, .n_layer = 1, .n_head = 1, .n_embd = 32});
  optim::AdamW opt(model.named_parameters(), {.lr = 1e-2, .weight_decay = 0});
  double loss = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor ids = randint(0, kLetters, {16, kTime}, kInt64);
    // The first two positions have no token to repeat; the loss ignores the target -100.
    const Tensor targets =
        cat({full({16, kBack}, -100, kInt64), ids.narrow(1, 0, kTime - kBack)}, 1);
    const Tensor y = model.loss(ids, targets);
    loss = y.item();
    y.backward();
    opt.step();
    opt.zero_grad();
  }

  model.eval();
  NoGradGuard unrecorded;
  const auto is_pattern = [](const std::string& name) { return name.ends_with("hook_pattern"); };
  const nn::ActivationCache cache =
      nn::run_with_cache(model, randint(0, kLetters, {1, kTime}, kInt64), {.names = is_pattern});
  const Tensor pattern = cache["blocks.0.attn.hook_pattern"][0][0];  // (T, T)

  // Each row is a token; the darker a column, the more attention the token gives to that position.
  double back = 0;
  for (int64_t t = 0; t < kTime; ++t) {
    for (int64_t s = 0; s <= t; ++s)
      std::cout << " .:-=+*#%@"[std::min(9, static_cast<int>(pattern[t][s].item() * 10))] << ' ';
    std::cout << '\n';
    if (t >= kBack) back += pattern[t][t - kBack].item() / (kTime - kBack);
  }
  std::cout << "loss " << loss << "; on average " << back << " of a token's attention lies "
            << kBack << " places back\n";
  return back > 0.8 ? 0 : 1;
}
