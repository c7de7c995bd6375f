// TrainingRun: a model, a text and everything else that decides the next step.  It can be saved and
// resumed.
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

// Returns how many tokens of a text are for training.  The other tenth is the validation part.
int64_t training_part(int64_t tokens);
// Throws ValueError if a text is too short to be split into these parts.
void check_length(const text::TokenFile& tokens, int64_t block_size);

// Returns the checksum of a run's tokens, which its checkpoint stores.  IoError if the checkpoint
// is not from a run.
uint64_t tokens_checksum_of(const Checkpoint& checkpoint);

// The numbers of one step.
struct StepReport {
  double loss;           // before the step, the mean over its batches, in nats per token
  double grad_norm;      // of all gradients together, before they are clipped
  double learning_rate;  // of this step
};

// A training run in the directory options.out_dir.
class TrainingRun {
 public:
  // Starts a new run.  ValueError if out_dir already has a run, if the parts do not fit together,
  // if the text is too short, and as from NextTokenBatches, AdamW and schedule_of.
  TrainingRun(std::unique_ptr<LanguageModel> model, std::unique_ptr<text::Tokenizer> tokenizer,
              const text::TokenFile& tokens, const TrainingOptions& options);
  // Resumes a run from its checkpoint, with its random numbers and metadata.  IoError if `tokens`
  // are not the tokens that the run was started with.  The caller must also pass the options of the
  // run; this is not checked.
  static TrainingRun resume(const Checkpoint& checkpoint, const text::TokenFile& tokens,
                            const TrainingOptions& options);

  // Does one step.  If the loss or a gradient is not finite, a ValueError names the step and the
  // first parameter or gradient that is not finite.
  StepReport step();
  // The loss over the validation part, as `vitro eval` computes it, but over at most eval_iters
  // batches of tokens.  ValueError if it is not finite.
  double validation_loss() const;
  int64_t evaluated_tokens() const;  // how many tokens validation_loss() predicts
  // Returns a text by the model: the first token of the validation part, then `tokens` new tokens.
  // The run's random numbers are not used.
  std::string sample(int64_t tokens) const;
  Checkpoint checkpoint() const;  // everything that resume needs
  // Saves a checkpoint to out_dir, which is made if needed, and returns its path.  Other
  // checkpoints are removed, except the newest options().keep and the checkpoint of step `best`.
  std::string save(std::optional<int64_t> best = {}) const;

  int64_t steps() const { return step_; }  // how many are done
  double smoothed_loss() const;            // a moving average over about 50 steps
  const TrainingOptions& options() const { return options_; }       // as given
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }  // of the text
  LanguageModel& model() const { return *model_; }                  // in train mode
  int64_t training_tokens() const { return training_size_; }        // of the training part
  int64_t validation_tokens() const { return validation_.size(); }  // of the validation part

  // The caller's own metadata, which checkpoints store too.  It cannot replace "config",
  // "tokenizer", "step", "state" and the model's own metadata.
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
  double smoothed_ = 0, smoothed_weight_ = 0;  // moving sums of losses and of weights
};

}  // namespace models
}  // namespace vitro
