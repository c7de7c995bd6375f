// TrainingRun: a model, a text and all that decides the next step; it is saved and found again.
//
//   models::TrainingRun run(std::move(model), std::move(tokenizer), tokens, {.max_iters = 1000});
//   while (run.steps() < run.options().max_iters) run.step();
//   run.save();
//   ...
//   auto again = models::TrainingRun::resume(latest.checkpoint, tokens, options);  // bit for bit
#pragma once
#include <memory>
#include <optional>

#include "../../framework/optim/optim.h"
#include "../language/batches.h"
#include "../saved/saved_model.h"
#include "options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// How many tokens of a text are learnt; the rest, a tenth, is the validation part.
int64_t training_part(int64_t tokens);
// ValueError for a text that is too short to be split so.
void check_length(const text::TokenFile& tokens, int64_t block_size);

// The checksum of the tokens that a run's checkpoint was learning; IoError for another checkpoint.
uint64_t tokens_checksum_of(const Checkpoint& checkpoint);

// What one step did.
struct StepReport {
  double loss;  // before the step, the mean over its batches
  double grad_norm;
  double learning_rate;
};

class TrainingRun {
 public:
  // A new run.  ValueError for an out_dir that holds a run, for parts that do not fit together, for
  // a text that is too short, and as NextTokenBatches, AdamW and schedule_of.
  TrainingRun(std::unique_ptr<LanguageModel> model, std::unique_ptr<text::Tokenizer> tokenizer,
              const text::TokenFile& tokens, const TrainingOptions& options);
  // The run that the checkpoint is of, with the random numbers and the metadata that belong to it.
  // The tokens must be those of then (IoError), and the options those that decide the steps.
  static TrainingRun resume(const Checkpoint& checkpoint, const text::TokenFile& tokens,
                            const TrainingOptions& options);

  // ValueError, naming the step and what is not finite first, if the loss or a gradient is not.
  StepReport step();
  // Over the validation part, as `vitro eval` computes it, but for no more than eval_iters batches
  // of tokens.  ValueError if it is not finite.
  double validation_loss() const;
  int64_t evaluated_tokens() const;  // how many of the validation part that predicts
  // Text that the model writes; no random number of the run's is used.
  std::string sample(int64_t tokens) const;
  Checkpoint checkpoint() const;
  // To out_dir, which is made if there is none; returns the file.  The newest options().keep stay,
  // and the one of the step `best`.
  std::string save(std::optional<int64_t> best = {}) const;

  int64_t steps() const { return step_; }  // done
  double smoothed_loss() const;            // a moving average over some 50 steps
  const TrainingOptions& options() const { return options_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  LanguageModel& model() const { return *model_; }
  int64_t training_tokens() const { return training_size_; }
  int64_t validation_tokens() const { return validation_.size(); }

  // What the checkpoints carry of the caller's, beside "config", "tokenizer", "step", "state" and
  // what the model says of itself.
  std::map<std::string, std::string> metadata;

 private:
  TrainingRun(SavedModel parts, const text::TokenFile& tokens, const TrainingOptions& options);
  [[noreturn]] void refuse(const std::string& what, int64_t step) const;
  void restore(const Checkpoint& checkpoint);

  TrainingOptions options_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::unique_ptr<LanguageModel> model_;
  std::unique_ptr<optim::AdamW> optimizer_;
  std::unique_ptr<optim::Scheduler> schedule_;
  int64_t training_size_;
  text::TokenFile validation_;
  NextTokenBatches batches_;
  uint64_t tokens_checksum_;
  int64_t step_ = 0;
  double smoothed_ = 0, smoothed_weight_ = 0;  // of the mean and of the ones in it
};

}  // namespace models
}  // namespace vitro
