// Batches for next-token prediction: windows of a token file in a shuffled order.
#pragma once
#include <cmath>

#include "../text/token_file.h"
#include "language_model.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// targets_bt is the token that follows ids_bt.  Both (B, T) int64.
struct Batch {
  Tensor ids, targets;
};

// A permutation of 0 .. n - 1 that is computed, not stored: a Feistel network over the next power
// of four, repeated until it stays below n (Black and Rogaway, 2002).
class Permutation {
 public:
  Permutation(uint64_t n, uint64_t seed, uint64_t epoch);
  uint64_t operator()(uint64_t i) const;

 private:
  uint64_t n_, key_;
  int half_bits_ = 1;
};

// Every window of block_size + 1 tokens once per epoch, in an order that seed and epoch decide.
class NextTokenBatches {
 public:
  // ValueError for a text of fewer than block_size + 1 tokens, or sizes below 1.
  NextTokenBatches(text::TokenFile tokens, int64_t batch_size, int64_t block_size, uint64_t seed);
  Batch next();

  uint64_t position() const { return position_; }  // windows taken so far
  void set_position(uint64_t position) { position_ = position; }
  int64_t windows() const { return windows_; }  // of an epoch

 private:
  text::TokenFile tokens_;
  int64_t batch_size_, block_size_, windows_;
  uint64_t seed_, position_ = 0;
};

// The sum of -ln p(token) over all tokens but the first, in consecutive windows of block_size, and
// how many they are.  The model is run in eval mode.  A GPT holds no more logits of a window than
// for its loss(), but in bfloat16.  ValueError for fewer than two tokens, and for a block_size or
// most_tokens below 1.
struct Evaluation {
  double nats = 0;
  int64_t tokens = 0;
  double loss() const { return nats / static_cast<double>(tokens); }  // nats per token
  double perplexity() const { return std::exp(loss()); }
  // The same in bits, per character of the text that the tokens stand for.
  double bits_per_character(int64_t characters) const {
    return nats / (std::log(2) * static_cast<double>(characters));
  }
};
Evaluation evaluate(LanguageModel& model, const text::TokenFile& tokens, int64_t block_size,
                    int64_t most_tokens = INT64_MAX);
// The window that losses are compared by: as long as the model takes, else its context, from 256
// to 4096 tokens, so that few tokens are predicted from less than the model can look at.
int64_t evaluation_window(const LanguageModel& model);

}  // namespace models
}  // namespace vitro
