// TrainingOptions: how a model is trained.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>

#include "../../framework/optim/lr_scheduler.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Options of TrainingRun.  The names are nanoGPT's.  The defaults suit a MiniLM and a text of about
// 30,000 characters.
struct TrainingOptions {
  std::string out_dir = "out";              // where checkpoints go
  int64_t keep = 3;                         // how many of the newest checkpoints are kept
  int64_t seed = 1337;                      // for the order of the windows and for samples
  int64_t batch_size = 8, block_size = 64;  // windows of a batch, tokens of a window
  int64_t gradient_accumulation_steps = 1;  // batches of a step
  int64_t max_iters = 4500;                 // steps in all
  double learning_rate = 3e-3;              // the largest, at the end of the warm-up
  std::string lr_schedule = "cosine";       // after the warm-up; or "linear" or "constant"
  double min_lr = -1;                       // the last rate; below 0: learning_rate / 10
  int64_t warmup_iters = -1;         // steps of the warm-up; below 0: min(100, decay_iters() / 10)
  int64_t lr_decay_iters = 0;        // the step that reaches min_lr; 0: max_iters
  double weight_decay = 0.15;        // for matrices only
  double beta1 = 0.9, beta2 = 0.99;  // AdamW's
  double grad_clip = 1;              // the largest norm of all gradients together; 0: any
  int64_t eval_iters = 200;          // the most batches of the validation part that are evaluated

  // The values in use: they replace an option that is 0 or negative.
  double last_lr() const { return min_lr < 0 ? learning_rate / 10 : min_lr; }
  int64_t decay_iters() const { return lr_decay_iters > 0 ? lr_decay_iters : max_iters; }
  int64_t warmup() const {
    return warmup_iters < 0 ? std::min<int64_t>(100, decay_iters() / 10) : warmup_iters;
  }
  // The most tokens of the validation part that are evaluated.
  int64_t evaluated_tokens() const {
    int64_t tokens = batch_size * block_size;
    return __builtin_mul_overflow(tokens, eval_iters, &tokens) ? INT64_MAX : tokens;
  }
  // How many tokens a step learns from.
  int64_t tokens_per_step() const { return batch_size * block_size * gradient_accumulation_steps; }
};

// Returns the learning rate of each step.  The rate rises linearly for warmup() steps.  Then it
// falls along half a cosine, falls linearly, or stays constant.  ValueError for an unknown
// schedule.
optim::LRFormula schedule_of(const TrainingOptions& options);

}  // namespace models
}  // namespace vitro
