// Fine-tuning: a saved GPT-2 learns from another text, and is saved in the same layout.
//
//   finetune_gpt2 DIR TEXT OUT
//
// Without arguments a tiny GPT-2 with random weights learns the bundled stories.
#include <vitro/vitro.h>

#include <cstdio>
#include <filesystem>

#include "examples/tiny_gpt2.h"

using namespace vitro;

const std::string kFolder = std::filesystem::temp_directory_path() / "vitro_finetune_gpt2";

int main(int argc, char** argv) {
  const bool is_given = argc == 4;
  const std::string folder = is_given ? argv[1] : tiny_gpt2(kFolder),
                    text = is_given ? read_file(argv[2]) : stories(),
                    out = is_given ? argv[3] : kFolder + "/tuned";
  // The weights become float32, because bfloat16 would round small steps away.
  models::GPT model = models::GPT::from_pretrained(folder, {.dtype = kFloat32, .dropout = 0.1});
  const auto tokenizer = text::BpeTokenizer::load(folder);
  const std::string file = std::filesystem::temp_directory_path() / "vitro_finetune_tokens.bin";
  write_token_file(file, tokenizer, text::TextPieces(text));
  const text::TokenFile tokens(file);
  const int64_t training = tokens.size() * 9 / 10,
                window = std::min<int64_t>(64, model.config.block_size);
  models::NextTokenBatches batches(tokens.slice(0, training), /*batch_size=*/4, window, /*seed=*/1);
  const auto validation_loss = [&] {
    return models::evaluate(model, tokens.slice(training, tokens.size()), window).loss();
  };

  const double before = validation_loss();
  std::printf("validation loss %.3f\n", before);
  // A trained model needs small steps; random weights need larger ones.
  optim::AdamW opt(model.named_parameters(), {.lr = is_given ? 3e-5 : 3e-3});
  model.train();  // with dropout
  for (int step = 1; step <= 60; ++step) {
    const auto [ids, targets] = batches.next();
    Tensor loss = model.loss(ids, targets);
    loss.backward();
    optim::clip_grad_norm_(model.parameters(), 1.0);
    opt.step();
    opt.zero_grad();
    if (step % 20 == 0) std::printf("step %d  loss %.3f\n", step, loss.item());
  }
  model.eval();
  const double after = validation_loss();
  model.save_pretrained(out, &tokenizer);
  std::printf("validation loss %.3f, saved to %s\n", after, out.c_str());
  return after < before ? 0 : 1;
}
