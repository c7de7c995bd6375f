// A training run: all that decides its next step, and how it is saved and found again.
#pragma once
#include <memory>

#include "apps/cli/model_options.h"

namespace vitro::cli {

// How many tokens of a text are learnt; the rest, a tenth, is the validation part.
int64_t training_part(int64_t tokens);

// What one step did.
struct StepReport {
  double loss;  // before the step, the mean over its batches
  double grad_norm;
  double learning_rate;
};

class TrainRun {
 public:
  // A run in a directory that has none: ValueError if there is one.
  static TrainRun start(TrainOptions options);
  // The run in the directory, as its newest whole checkpoint has it.  Options that were not given
  // are taken from there; ValueError names one that was given and is another.
  static TrainRun resume(TrainOptions options);

  // ValueError, naming the step and what is not finite first, if the loss or a gradient is not.
  StepReport step();
  double validation_loss() const;  // ValueError if it is not finite
  std::string sample() const;  // text that the model writes; no random number of the run's is used
  // The file that the checkpoint of this step is in.
  std::string save() const;

  int64_t steps() const { return step_; }  // done
  double smoothed_loss() const;            // a moving average over some 50 steps
  int64_t tokens_per_step() const;
  const TrainOptions& options() const { return options_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  nn::Module& model() const { return *model_; }
  int64_t training_tokens() const { return training_size_; }
  int64_t validation_tokens() const { return validation_.size(); }

 private:
  TrainRun(TrainOptions options, models::SavedModel model, const text::TokenFile& tokens);
  [[noreturn]] void refuse(const std::string& what, int64_t step) const;
  Checkpoint checkpoint() const;
  void restore(const Checkpoint& checkpoint);

  TrainOptions options_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::unique_ptr<nn::Module> model_;
  int64_t window_;  // how many tokens back it looks
  std::unique_ptr<optim::AdamW> optimizer_;
  std::unique_ptr<optim::Scheduler> schedule_;
  int64_t training_size_;
  text::TokenFile validation_;
  models::NextTokenBatches batches_;
  uint64_t tokens_checksum_;
  int64_t step_ = 0;
  double smoothed_ = 0, smoothed_weight_ = 0;  // of the mean and of the ones in it
};

}  // namespace vitro::cli
