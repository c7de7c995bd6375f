// Makes a tiny GPT-2 with random weights and a tokenizer, for examples that run without arguments.
#pragma once
#include "examples/stories.h"

// Saves the model and its tokenizer in the folder, in Hugging Face's layout.  Returns the folder.
inline std::string tiny_gpt2(const std::string& folder) {
  using namespace vitro;
  const auto tokenizer = text::BpeTokenizer::train(stories(), /*vocab_size=*/400);
  manual_seed(1);
  models::GPT model({.block_size = 64,
                     .vocab_size = tokenizer.vocab_size(),
                     .n_layer = 2,
                     .n_head = 2,
                     .n_embd = 32});
  model.save_pretrained(folder, &tokenizer);
  return folder;
}
