// Trains a small GPT on characters in an explicit loop, and generates text with it.
#include <vitro/vitro.h>

#include <cstdio>
#include <filesystem>

#include "examples/stories.h"

using namespace vitro;

int main() {
  manual_seed(1337);
  const std::string text = stories();
  const std::string folder = std::filesystem::temp_directory_path() / "vitro_train_char_gpt";
  std::filesystem::create_directories(folder);
  auto tokenizer = text::CharTokenizer::fit(text);
  write_token_file(folder + "/tokens.bin", tokenizer, text::TextPieces(text));
  const text::TokenFile tokens(folder + "/tokens.bin");
  const int64_t training = tokens.size() * 9 / 10, steps = 200, block_size = 32;
  models::NextTokenBatches batches(tokens.slice(0, training), /*batch_size=*/8, block_size,
                                   /*seed=*/1337);

  models::GPTConfig config = models::GPTConfig::preset("nano");  // made smaller below
  config.vocab_size = tokenizer.vocab_size();
  config.block_size = block_size;
  config.n_layer = 2;
  config.n_embd = 64;
  models::GPT model(config);
  std::printf("%s\n", model.describe().c_str());

  // Weight decay applies to matrices, not to biases and norms.
  const auto [matrices, others] = optim::decay_groups(model.named_parameters());
  optim::AdamWOptions options{.lr = 3e-3, .beta2 = 0.99, .weight_decay = 0.1};
  optim::AdamW opt(matrices, options);
  options.weight_decay = 0;
  opt.add_param_group(others, options);
  optim::Scheduler schedule(
      opt, optim::LinearWarmupCosine{.warmup_iters = 20, .lr_decay_iters = steps, .min_lr = 3e-4});

  for (int64_t step = 0; step < steps; ++step) {
    const auto [ids, targets] = batches.next();
    Tensor loss = model.loss(ids, targets);
    loss.backward();
    optim::clip_grad_norm_(model.parameters(), 1.0);
    opt.step();
    opt.zero_grad();
    schedule.step();
    if (step % 50 == 49)
      std::printf("step %lld  loss %.3f\n", static_cast<long long>(step + 1), loss.item());
  }

  model.eval();
  const double validation =
      models::evaluate(model, tokens.slice(training, tokens.size()), block_size).loss();
  std::printf("validation loss %.3f\n\nThe ", validation);
  // The model reads the whole prompt in one forward.  For each later token it reads only that
  // token, because keys and values are cached.
  models::generate_text(model, tokenizer, "The ",
                        {.max_new_tokens = 200, .top_k = 10, .do_sample = true, .seed = 1},
                        [](int64_t, const std::string& added) {
                          std::printf("%s", added.c_str());
                          return true;  // continue
                        });
  std::printf("\n");
  return validation < 2.6 ? 0 : 1;
}
