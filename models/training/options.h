// What decides how a model is trained, beside the model and the text.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>

#include "../../framework/optim/lr_scheduler.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Named as in nanoGPT, which also takes text in rows of batch_size times block_size tokens.  These
// values suit a MiniLM and a text of some 30,000 characters.
struct TrainingOptions {
  std::string out_dir = "out";  // where checkpoints go
  int64_t keep = 3;             // of them, the newest
  int64_t seed = 1337;          // of the order of the windows, and of samples
  int64_t batch_size = 8, block_size = 64;
  int64_t gradient_accumulation_steps = 1;  // batches of a step
  int64_t max_iters = 4500;                 // steps in all
  double learning_rate = 3e-3;              // the largest
  std::string lr_schedule = "cosine";       // or "linear" or "constant": after the warm-up
  double min_lr = -1;                       // the last one; below 0: a tenth of learning_rate
  int64_t warmup_iters = -1;         // steps in which it rises; below 0: 100, at most a tenth
  int64_t lr_decay_iters = 0;        // the step of min_lr; 0: max_iters
  double weight_decay = 0.15;        // of matrices only
  double beta1 = 0.9, beta2 = 0.99;  // AdamW's
  double grad_clip = 1;              // the largest norm of all gradients; 0: any
  int64_t eval_iters = 200;          // batches of the validation part that are evaluated at most

  double last_lr() const { return min_lr < 0 ? learning_rate / 10 : min_lr; }
  int64_t decay_iters() const { return lr_decay_iters > 0 ? lr_decay_iters : max_iters; }
  int64_t warmup() const {
    return warmup_iters < 0 ? std::min<int64_t>(100, decay_iters() / 10) : warmup_iters;
  }
  // At most so many tokens of the validation part are evaluated.
  int64_t evaluated_tokens() const {
    int64_t tokens = batch_size * block_size;
    return __builtin_mul_overflow(tokens, eval_iters, &tokens) ? INT64_MAX : tokens;
  }
  int64_t tokens_per_step() const { return batch_size * block_size * gradient_accumulation_steps; }
};

// The rate of each step; all three rise alike, then fall by half a cosine, or along a line, or
// stay.  ValueError for another schedule.
optim::LRFormula schedule_of(const TrainingOptions& options);

}  // namespace models
}  // namespace vitro
