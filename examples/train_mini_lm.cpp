// A whole training loop: batch, loss, backward, clip, step, schedule, save.
#include <vitro/vitro.h>

#include <cstdio>
#include <filesystem>

#include "examples/stories.h"

using namespace vitro;

int main() {
  manual_seed(1337);
  // The text becomes a file of ids.  The file is mapped, so it may be larger than memory.
  const std::string text = stories();
  const std::string folder = std::filesystem::temp_directory_path() / "vitro_train_mini_lm";
  std::filesystem::create_directories(folder);
  auto tokenizer = text::CharTokenizer::fit(text);
  write_token_file(folder + "/tokens.bin", tokenizer, text::TextPieces(text));
  const text::TokenFile tokens(folder + "/tokens.bin");
  const int64_t training = tokens.size() * 9 / 10, steps = 400;
  models::NextTokenBatches batches(tokens.slice(0, training), /*batch_size=*/8,
                                   /*block_size=*/64, /*seed=*/1337);

  models::MiniLM model({.vocab_size = tokenizer.vocab_size(),
                        .n_embd = 32,
                        .n_hidden = 256,
                        .context = 8,
                        .dropout = 0.2});
  optim::AdamW opt(model.named_parameters(), {.lr = 3e-3, .weight_decay = 0.1});
  optim::Scheduler schedule(
      opt, optim::LinearWarmupCosine{.warmup_iters = 20, .lr_decay_iters = steps, .min_lr = 3e-4});
  auto validation_loss = [&] {
    return models::evaluate(model, tokens.slice(training, tokens.size()), 256).loss();
  };
  auto sample = [&] {
    model.eval();  // no dropout
    const std::string written =
        "The " + models::generate_text(
                     model, tokenizer, "The ",
                     {.max_new_tokens = 100, .temperature = 0.8, .do_sample = true, .seed = 1});
    model.train();
    return written;
  };

  const double before = validation_loss();
  std::printf("validation loss %.3f\n%s\n\n", before, sample().c_str());
  for (int64_t step = 0; step < steps; ++step) {
    const auto [ids, targets] = batches.next();
    Tensor loss = cross_entropy(model(ids), targets);
    if (step == 0) optim::check_trained(loss, {&opt});  // throws if the optimizer misses a weight
    loss.backward();
    optim::clip_grad_norm_(model.parameters(), 1.0);
    opt.step();
    opt.zero_grad();
    schedule.step();
    if (step % 100 == 99)
      std::printf("step %lld  loss %.3f\n", static_cast<long long>(step + 1), loss.item());
  }
  const double after = validation_loss();
  std::printf("validation loss %.3f\n%s\n\n", after, sample().c_str());

  const std::string file = folder + "/model.safetensors";
  save_checkpoint(file, models::to_checkpoint(model, tokenizer));
  std::printf("To use it:\n  vitro generate --model %s --prompt \"The \"\n", file.c_str());
  return after < 2.1 && before > 4 ? 0 : 1;
}
