// Makes batches for next-token prediction from a token file, and computes the loss over a file.
#pragma once
#include <cmath>

#include "../text/token_file.h"
#include "language_model.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// A batch of windows: targets[b, t] is the token that follows ids[b, t].
struct Batch {
  Tensor ids, targets;  // (B, T) int64
};

// Permutes 0 .. n - 1 without a table: a Feistel network permutes the numbers below the next power
// of four, and is applied again until its result is below n (Black and Rogaway, 2002).
class Permutation {
 public:
  Permutation(uint64_t n, uint64_t seed, uint64_t epoch);  // which permutation it is
  uint64_t operator()(uint64_t i) const;                   // the number at place i < n

 private:
  uint64_t n_, key_;
  int half_bits_ = 1;
};

// Gives every window of block_size + 1 tokens once per epoch.  Seed and epoch decide the order.
class NextTokenBatches {
 public:
  // ValueError for fewer than block_size + 1 tokens, or a size below 1.
  NextTokenBatches(text::TokenFile tokens, int64_t batch_size, int64_t block_size, uint64_t seed);
  Batch next();  // (batch_size, block_size)

  uint64_t position() const { return position_; }  // the number of windows given so far
  void set_position(uint64_t position) { position_ = position; }  // continues from there
  int64_t windows() const { return windows_; }                    // windows per epoch

 private:
  text::TokenFile tokens_;
  int64_t batch_size_, block_size_, windows_;
  uint64_t seed_, position_ = 0;
};

// How well a model predicts a text.
struct Evaluation {
  double nats = 0;                                                    // the sum of -ln p(token)
  int64_t tokens = 0;                                                 // how many were predicted
  double loss() const { return nats / static_cast<double>(tokens); }  // nats per token
  double perplexity() const { return std::exp(loss()); }              // e^loss
  // Bits per character, for a text of `characters` characters.
  double bits_per_character(int64_t characters) const {
    return nats / (std::log(2) * static_cast<double>(characters));
  }
};
// Predicts every token except the first, up to `most_tokens` tokens, in consecutive windows of
// block_size tokens.  The model runs in eval mode.  A GPT stores no more logits at a time than
// GPT::loss stores, except in bfloat16.  ValueError for fewer than two tokens, and for a block_size
// or most_tokens below 1.
Evaluation evaluate(LanguageModel& model, const text::TokenFile& tokens, int64_t block_size,
                    int64_t most_tokens = INT64_MAX);
// Returns the block_size for comparing the losses of different models: max_length(), or, without a
// max_length(), context() limited to 256 .. 4096.  In a window much longer than the context, few
// tokens are predicted from less than a full context.
int64_t evaluation_window(const LanguageModel& model);

}  // namespace models
}  // namespace vitro
