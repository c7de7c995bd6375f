// GPT-2 in libtorch, as plain functions.
#pragma once
#include "bench/peers/torch_peer.h"

namespace torch_peer {

struct GPTSize {
  int64_t vocab_size, block_size, n_layer, n_head, n_embd;
};
// A model with these weights, with Hugging Face's names and matrices (out, in).  Without weights it
// gets random weights.
struct GPT {
  GPTSize size;
  std::map<std::string, Parameter> parameters;
  const int64_t *ids, *targets;  // (batch, time)
  int64_t batch, time;
};
Run gpt_forward(const GPT& model);                     // without a graph
Run gpt_training_step(const GPT& model, double rate);  // cross-entropy, backward, AdamW

}  // namespace torch_peer
