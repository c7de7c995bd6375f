// Steps, saves and resumes training runs.
#include "models/training/run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/io/file.h"
#include "models/generation/generate.h"

namespace vitro::models {

namespace {

constexpr double kSmoothing = 0.98;
constexpr double kSampleTemperature = 0.8;

// The steps of the checkpoints in a directory; none if there is no directory.
std::vector<int64_t> steps_in(const std::string& directory) {
  if (!is_directory(directory)) return {};
  return CheckpointDirectory(directory).steps();
}

bool is_finite(const Tensor& x) {
  NoGradGuard unrecorded;
  return std::isfinite(x.to(kFloat64).sum().item());
}

// AdamW without weight decay for biases and norms.
std::unique_ptr<optim::AdamW> make_optimizer(LanguageModel& model, const TrainingOptions& o) {
  const optim::DecayGroups groups = optim::decay_groups(model.named_parameters());
  const optim::AdamWOptions adamw{
      .lr = o.learning_rate, .beta1 = o.beta1, .beta2 = o.beta2, .weight_decay = o.weight_decay};
  optim::AdamWOptions plain = adamw;
  plain.weight_decay = 0;
  if (groups.decayed.empty()) return std::make_unique<optim::AdamW>(groups.plain, plain);
  auto optimizer = std::make_unique<optim::AdamW>(groups.decayed, adamw);
  if (!groups.plain.empty()) optimizer->add_param_group(groups.plain, plain);
  return optimizer;
}

}  // namespace

int64_t training_part(int64_t tokens) { return tokens - tokens / 10; }

void check_length(const text::TokenFile& tokens, int64_t block_size) {
  check<ValueError>(training_part(tokens.size()) > block_size && tokens.size() / 10 >= 2,
                    "text: expected at least ",
                    std::max<int64_t>(20, block_size + 1 + block_size / 9),
                    " tokens, for a block_size of ", block_size, ", got ", tokens.size());
}

TrainingRun::TrainingRun(std::unique_ptr<LanguageModel> model,
                         std::unique_ptr<text::Tokenizer> tokenizer, const text::TokenFile& tokens,
                         const TrainingOptions& options)
    : TrainingRun(SavedModel{.model = std::move(model),
                             .tokenizer = std::move(tokenizer),
                             .metadata = {},
                             .damaged = {}},
                  tokens, options) {
  const std::vector<int64_t> there = steps_in(options.out_dir);
  check<ValueError>(there.empty(), options.out_dir,
                    ": expected a directory without a run, got one of ",
                    there.empty() ? 0 : there.back(), " steps");
  check<ValueError>(tokens.vocabulary_hash() == tokenizer_->vocabulary_hash(),
                    "train: expected tokens of the tokenizer's vocabulary, got tokens of another");
  try {
    check_vocabulary(model_->vocab_size(), *tokenizer_);
  } catch (const IoError& error) { fail<ValueError>(error.what()); }
}

TrainingRun::TrainingRun(SavedModel parts, const text::TokenFile& tokens,
                         const TrainingOptions& options)
    : metadata(std::move(parts.metadata)),
      options_(options),
      tokenizer_(std::move(parts.tokenizer)),
      model_(std::move(parts.model)),
      optimizer_((check<ValueError>(model_ && tokenizer_,
                                    "train: expected a model and a tokenizer, got a null pointer"),
                  make_optimizer(*model_, options))),
      schedule_(std::make_unique<optim::Scheduler>(*optimizer_, schedule_of(options))),
      training_size_(training_part(tokens.size())),
      validation_(tokens.slice(training_size_, tokens.size())),
      batches_((check_length(tokens, options.block_size), tokens.slice(0, training_size_)),
               options.batch_size, options.block_size, static_cast<uint64_t>(options.seed)),
      tokens_checksum_(tokens.checksum()) {
  model_->train();
}

TrainingRun TrainingRun::resume(const Checkpoint& checkpoint, const text::TokenFile& tokens,
                                const TrainingOptions& options) {
  SavedModel saved = from_checkpoint(checkpoint);
  check<IoError>(tokens.vocabulary_hash() == saved.tokenizer->vocabulary_hash(),
                 "tokens: expected tokens of the run's own vocabulary, got tokens of another");
  TrainingRun run(std::move(saved), tokens, options);
  run.restore(checkpoint);
  return run;
}

void TrainingRun::refuse(const std::string& what, int64_t step) const {
  const std::string still = steps_in(options_.out_dir).empty()
                                ? ""
                                : "; the last checkpoint is not affected: " + options_.out_dir;
  for (const auto& [name, p] : model_->named_parameters())
    check<ValueError>(is_finite(p), "train: expected a finite ", what, " at step ", step,
                      ", got inf or nan; the first parameter that is not finite is ", name, still);
  for (const auto& [name, p] : model_->named_parameters())
    check<ValueError>(
        !p.grad().defined() || is_finite(p.grad()), "train: expected a finite ", what, " at step ",
        step, ", got inf or nan; the first gradient that is not finite is that of ", name, still);
  fail<ValueError>("train: expected a finite ", what, " at step ", step,
                   ", got inf or nan, although all parameters are finite", still);
}

StepReport TrainingRun::step() {
  const int64_t batches = options_.gradient_accumulation_steps;
  double loss_sum = 0;
  for (int64_t i = 0; i < batches; ++i) {
    const Batch batch = batches_.next();
    Tensor loss = model_->loss(batch.ids, batch.targets);
    if (batches > 1) loss = loss / static_cast<double>(batches);
    if (step_ == 0 && i == 0) optim::check_trained(loss, {optimizer_.get()});
    loss_sum += loss.item();
    loss.backward();
  }
  StepReport report{loss_sum, 0, optimizer_->lr()};
  const double bound =
      options_.grad_clip > 0 ? options_.grad_clip : std::numeric_limits<double>::infinity();
  report.grad_norm = optim::clip_grad_norm_(model_->parameters(), bound);
  if (!std::isfinite(report.loss)) refuse("loss", step_ + 1);
  if (!std::isfinite(report.grad_norm)) refuse("gradient", step_ + 1);
  optimizer_->step();
  optimizer_->zero_grad();
  schedule_->step();
  ++step_;
  smoothed_ = kSmoothing * smoothed_ + (1 - kSmoothing) * report.loss;
  smoothed_weight_ = kSmoothing * smoothed_weight_ + (1 - kSmoothing);
  return report;
}

double TrainingRun::smoothed_loss() const { return smoothed_ / smoothed_weight_; }

int64_t TrainingRun::evaluated_tokens() const {
  return std::min(validation_.size() - 1, options_.evaluated_tokens());
}

double TrainingRun::validation_loss() const {
  const double loss =
      evaluate(*model_, validation_, evaluation_window(*model_), evaluated_tokens()).loss();
  if (!std::isfinite(loss)) refuse("validation loss", step_);
  return loss;
}

std::string TrainingRun::sample(int64_t tokens) const {
  std::vector<int64_t> ids(1);
  validation_.copy(0, ids);
  model_->eval();
  ids = generate(*model_, ids,
                 {.max_new_tokens = tokens,
                  .temperature = kSampleTemperature,
                  .do_sample = true,
                  .seed = static_cast<uint64_t>(options_.seed),
                  .block_size = model_->context(),
                  .vocab_size = tokenizer_->vocab_size()});
  model_->train();
  return tokenizer_->decode(ids);
}

Checkpoint TrainingRun::checkpoint() const {
  Checkpoint all = to_checkpoint(*model_, *tokenizer_);
  for (const auto& [prefix, tensors] :
       {std::pair{"optimizer.", optimizer_->state_dict()}, {"schedule.", schedule_->state_dict()}})
    for (auto& named : with_prefix(prefix, tensors)) all.tensors.push_back(std::move(named));
  all.metadata.insert(metadata.begin(), metadata.end());  // insert replaces no field
  all.metadata["step"] = std::to_string(step_);
  all.metadata["state"] = nlohmann::ordered_json{
      {"generator_seed", default_generator().seed()},
      {"generator_position", default_generator().position()},
      {"batch_position", batches_.position()},
      {"tokens_checksum", tokens_checksum_},
      {"smoothed", smoothed_},
      {"smoothed_weight",
       smoothed_weight_}}.dump();
  return all;
}

uint64_t tokens_checksum_of(const Checkpoint& checkpoint) {
  const auto state = nlohmann::json::parse(checkpoint.field("state"), nullptr, false);
  const bool is_right = state.is_object() && state.contains("tokens_checksum") &&
                        state["tokens_checksum"].is_number_unsigned();
  check<IoError>(is_right, "checkpoint: expected the checksum of a run's tokens, got none");
  return state["tokens_checksum"].get<uint64_t>();
}

void TrainingRun::restore(const Checkpoint& saved) {
  check<IoError>(tokens_checksum_of(saved) == tokens_checksum_,
                 "tokens: expected the tokens that the run was started with, got others");
  optimizer_->load_state_dict(under_prefix("optimizer.", saved.tensors));
  schedule_->load_state_dict(under_prefix("schedule.", saved.tensors));
  step_ = saved.step();
  try {
    const auto state = nlohmann::json::parse(saved.field("state"));
    manual_seed(state.at("generator_seed").get<uint64_t>());
    default_generator().set_position(state.at("generator_position").get<uint64_t>());
    batches_.set_position(state.at("batch_position").get<uint64_t>());
    smoothed_ = state.at("smoothed").get<double>();
    smoothed_weight_ = state.at("smoothed_weight").get<double>();
  } catch (const nlohmann::json::exception& error) {
    fail<IoError>("resume: expected the state of a run, got something else: ", error.what());
  }
}

std::string TrainingRun::save(std::optional<int64_t> best) const {
  std::error_code error;
  std::filesystem::create_directories(options_.out_dir, error);
  check<IoError>(!error, options_.out_dir, ": cannot be the --out-dir: ", error.message());
  const CheckpointDirectory directory(options_.out_dir);
  directory.save(step_, checkpoint(), options_.keep, best);
  return directory.file(step_);
}

}  // namespace vitro::models
