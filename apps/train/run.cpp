// Training runs.
#include "apps/train/run.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

constexpr double kSmoothing = 0.98;
constexpr double kSampleTemperature = 0.8;

std::string tokens_file(const TrainOptions& options) { return options.out_dir + "/tokens.bin"; }

DType dtype_of(const TrainOptions& options) {
  return options.dtype == "float64" ? kFloat64 : kFloat32;
}

// MemoryError if the machine cannot train a model of this configuration.
void check_memory_for(const models::GPTConfig& config, const TrainOptions& options) {
  check_memory(config, options.batch_size * options.block_size, dtype_of(options));
}
void check_memory_for(const models::MiniLMConfig& config, const TrainOptions& options) {
  const auto bytes = static_cast<int64_t>(item_size(dtype_of(options)));
  check_memory(config, options.batch_size * options.block_size,
               4 * bytes);  // the parameter, its gradient, two moments
}
void check_memory_for(const nn::Module& model, const TrainOptions& options) {
  if (const auto* gpt = dynamic_cast<const models::GPT*>(&model))
    check_memory_for(gpt->config, options);
  if (const auto* mini = dynamic_cast<const models::MiniLM*>(&model))
    check_memory_for(mini->config, options);
}

// A model with random weights, as the options ask for.
models::LanguageModel fresh_model(const TrainOptions& options, const text::Tokenizer& tokenizer) {
  const auto make = [&](const auto& config) {
    check_memory_for(config, options);
    manual_seed(static_cast<uint64_t>(options.model.seed));
    models::LanguageModel made = models::make_model(to_json(config));
    made.module->to(dtype_of(options));
    return made;
  };
  if (options.model_type == "gpt") return make(gpt_config_of(options, tokenizer.vocab_size()));
  models::MiniLMConfig config = config_of(options.model, tokenizer);
  config.dropout = options.dropout;
  return make(config);
}

// The saved model becomes the one that the options train.
void take_over(nn::Module& model, const TrainOptions& options) {
  check_memory_for(model, options);
  for (nn::Module* part : model.modules())
    if (auto* dropout = dynamic_cast<nn::Dropout*>(part)) dropout->p = options.dropout;
  if (auto* gpt = dynamic_cast<models::GPT*>(&model)) {
    gpt->config.dropout = options.dropout;
    gpt->config.embd_pdrop = gpt->config.attn_pdrop = {};
  }
  if (auto* mini = dynamic_cast<models::MiniLM*>(&model)) mini->config.dropout = options.dropout;
  model.to(dtype_of(options));
  manual_seed(static_cast<uint64_t>(options.model.seed));
}

std::string config_json(const nn::Module& model) {
  if (const auto* gpt = dynamic_cast<const models::GPT*>(&model)) return to_json(gpt->config);
  return to_json(dynamic_cast<const models::MiniLM&>(model).config);
}

// The model that the run begins with, if it is not a fresh one.
std::optional<models::SavedModel> initial_model(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  check<ValueError>(path != "resume" || std::filesystem::exists(path, ignored),
                    "--init-from: a saved model expected: resume; --resume goes on with the run in "
                    "--out-dir");
  return load_saved(path);
}

const text::TokenFile& check_length(const text::TokenFile& tokens, const TrainOptions& options) {
  check<ValueError>(training_part(tokens.size()) > options.block_size && tokens.size() / 10 >= 2,
                    "train: a longer text expected: it has ", tokens.size(), " tokens, and needs ",
                    std::max<int64_t>(20, options.block_size + 1 + options.block_size / 9),
                    " for --block-size ", options.block_size);
  return tokens;
}

bool is_finite(const Tensor& x) {
  NoGradGuard unrecorded;
  return std::isfinite(x.to(kFloat64).sum().item());
}

}  // namespace

int64_t training_part(int64_t tokens) { return tokens - tokens / 10; }

TrainRun::TrainRun(TrainOptions options, models::SavedModel model, const text::TokenFile& tokens)
    : options_(std::move(options)),
      tokenizer_(std::move(model.tokenizer)),
      model_(std::move(model.model)),
      window_(model.window),
      training_size_(training_part(tokens.size())),
      validation_(tokens.slice(training_size_, tokens.size())),
      batches_(check_length(tokens, options_).slice(0, training_size_), options_.batch_size,
               options_.block_size, static_cast<uint64_t>(options_.model.seed)),
      tokens_checksum_(tokens.checksum()) {
  model_->train();
  const optim::DecayGroups groups = optim::decay_groups(model_->named_parameters());
  optim::AdamWOptions adamw{.lr = options_.learning_rate,
                            .beta1 = options_.beta1,
                            .beta2 = options_.beta2,
                            .weight_decay = options_.weight_decay};
  optimizer_ = std::make_unique<optim::AdamW>(groups.decayed, adamw);
  adamw.weight_decay = 0;
  optimizer_->add_param_group(groups.plain, adamw);
  schedule_ = std::make_unique<optim::Scheduler>(*optimizer_, schedule_of(options_));
}

TrainRun TrainRun::start(TrainOptions options) {
  std::optional<models::SavedModel> model = initial_model(options.init_from);
  complete(options, model ? model->model.get() : nullptr);
  const Text source = open_text(options.model.text.file);  // before anything is made
  const std::string directory = options.out_dir;
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(directory, error);
  check<IoError>(!error, "--out-dir: a directory expected: ", directory, ": ", error.message());
  const std::vector<int64_t> there = CheckpointDirectory(directory).steps();
  check<ValueError>(there.empty(), "train: ", directory, " holds a run of ",
                    there.empty() ? 0 : there.back(),
                    " steps: go on with --resume, or choose another --out-dir");
  check<ValueError>(!std::filesystem::exists(directory + "/config.json", error),
                    "train: ", directory,
                    " holds another model, in Hugging Face's layout: choose another --out-dir");
  const std::string file = tokens_file(options);  // options are given away below
  try {
    if (!model) {
      model.emplace();
      model->tokenizer = fit_tokenizer(options.model.text, source);
    }
    write_token_file(file, *model->tokenizer, text::TextPieces(source.text),
                     allowed_special(options.allow_special, *model->tokenizer));
    const text::TokenFile tokens(file);
    check_length(tokens, options);
    if (model->model) {
      take_over(*model->model, options);
    } else {
      models::LanguageModel fresh = fresh_model(options, *model->tokenizer);
      model->model = std::move(fresh.module);
      model->window = fresh.window;
    }
    return {std::move(options), std::move(*model), tokens};
  } catch (...) {
    std::filesystem::remove(file, error);
    if (is_new) std::filesystem::remove(directory, error);
    throw;
  }
}

TrainRun TrainRun::resume(TrainOptions options) {
  const CheckpointDirectory directory(options.out_dir);
  const CheckpointDirectory::Found found = directory.latest();
  for (const std::string& reason : found.damaged) warn(reason);
  const std::string file = directory.file(found.step);
  try {
    take_saved(options, found.checkpoint.field("options"));
    check_model_type(options);
    models::SavedModel model = models::from_checkpoint(found.checkpoint);
    check_memory_for(*model.model, options);
    const text::TokenFile tokens(tokens_file(options));
    tokens.verify();
    check<IoError>(tokens.vocabulary_hash() == model.tokenizer->vocabulary_hash(),
                   tokens_file(options), ": the tokens of the run's own vocabulary expected");
    TrainRun run(std::move(options), std::move(model), tokens);
    run.restore(found.checkpoint);
    return run;
  } catch (IoError& error) {
    error.add_context(file);
    throw;
  }
}

void TrainRun::refuse(const std::string& what, int64_t step) const {
  const std::string still = "; the last checkpoint is whole: " + options_.out_dir;
  for (const auto& [name, p] : model_->named_parameters())
    check<ValueError>(is_finite(p), "train: ", what, " at step ", step,
                      " is not finite, and the first parameter that is not: ", name, still);
  for (const auto& [name, p] : model_->named_parameters())
    check<ValueError>(!p.grad().defined() || is_finite(p.grad()), "train: ", what, " at step ",
                      step, " is not finite, and the first gradient that is not: ", name, still);
  fail<ValueError>("train: ", what, " at step ", step, " is not finite, though all parameters are",
                   still);
}

StepReport TrainRun::step() {
  const int64_t batches = options_.gradient_accumulation_steps;
  double loss_sum = 0;
  for (int64_t i = 0; i < batches; ++i) {
    const models::Batch batch = batches_.next();
    Tensor loss = models::next_token_loss(*model_, batch.ids, batch.targets);
    if (batches > 1) loss = loss / static_cast<double>(batches);
    if (step_ == 0 && i == 0) optim::check_trained(loss, {optimizer_.get()});
    loss_sum += loss.item();
    loss.backward();
  }
  StepReport report{loss_sum, 0, optimizer_->lr()};
  const double bound =
      options_.grad_clip > 0 ? options_.grad_clip : std::numeric_limits<double>::infinity();
  report.grad_norm = optim::clip_grad_norm_(model_->parameters(), bound);
  if (!std::isfinite(report.loss)) refuse("the loss", step_ + 1);
  if (!std::isfinite(report.grad_norm)) refuse("the gradient", step_ + 1);
  optimizer_->step();
  optimizer_->zero_grad();
  schedule_->step();
  ++step_;
  smoothed_ = kSmoothing * smoothed_ + (1 - kSmoothing) * report.loss;
  smoothed_weight_ = kSmoothing * smoothed_weight_ + (1 - kSmoothing);
  return report;
}

double TrainRun::smoothed_loss() const { return smoothed_ / smoothed_weight_; }

int64_t TrainRun::tokens_per_step() const {
  return options_.batch_size * options_.block_size * options_.gradient_accumulation_steps;
}

double TrainRun::validation_loss() const {
  const double most = static_cast<double>(options_.eval_iters) *
                      static_cast<double>(options_.batch_size * options_.block_size);
  const int64_t tokens = static_cast<int64_t>(
      std::min(most, static_cast<double>(std::numeric_limits<int32_t>::max())));
  const double loss = models::evaluate(*model_, validation_, options_.block_size, tokens).loss();
  if (!std::isfinite(loss)) refuse("the validation loss", step_);
  return loss;
}

std::string TrainRun::sample() const {
  std::vector<int64_t> ids(1);
  validation_.copy(0, ids);
  model_->eval();
  ids = models::generate(*model_, ids,
                         {.max_new_tokens = options_.sample_tokens,
                          .temperature = kSampleTemperature,
                          .do_sample = true,
                          .seed = static_cast<uint64_t>(options_.model.seed),
                          .block_size = window_,
                          .vocab_size = tokenizer_->vocab_size()});
  model_->train();
  return tokenizer_->decode(ids);
}

Checkpoint TrainRun::checkpoint() const {
  Checkpoint all = models::to_checkpoint(*model_, config_json(*model_), *tokenizer_);
  for (const auto& [prefix, tensors] :
       {std::pair{"optimizer.", optimizer_->state_dict()}, {"schedule.", schedule_->state_dict()}})
    for (auto& named : with_prefix(prefix, tensors)) all.tensors.push_back(std::move(named));
  all.metadata["options"] = to_json(options_);
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

void TrainRun::restore(const Checkpoint& saved) {
  optimizer_->load_state_dict(under_prefix("optimizer.", saved.tensors));
  schedule_->load_state_dict(under_prefix("schedule.", saved.tensors));
  const std::string& step = saved.field("step");
  std::from_chars(step.data(), step.data() + step.size(), step_);
  check<IoError>(step_ >= 0, "resume: a step of at least 0 expected: ", step_);
  try {
    const auto state = nlohmann::json::parse(saved.field("state"));
    manual_seed(state.at("generator_seed").get<uint64_t>());
    default_generator().set_position(state.at("generator_position").get<uint64_t>());
    batches_.set_position(state.at("batch_position").get<uint64_t>());
    smoothed_ = state.at("smoothed").get<double>();
    smoothed_weight_ = state.at("smoothed_weight").get<double>();
    check<IoError>(state.at("tokens_checksum").get<uint64_t>() == tokens_checksum_,
                   tokens_file(options_), ": the tokens that the run was started with expected");
  } catch (const nlohmann::json::exception& error) {
    fail<IoError>("resume: the state of a run expected: ", error.what());
  }
}

std::string TrainRun::save() const {
  const CheckpointDirectory directory(options_.out_dir);
  directory.save(step_, checkpoint(), options_.keep);
  return directory.file(step_);
}

}  // namespace vitro::cli
