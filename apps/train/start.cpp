// How training runs begin and go on.
#include "apps/train/start.h"

#include <filesystem>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"

namespace vitro::cli {

namespace {

constexpr const char* kAdvice = "choose a smaller model, --block-size or --batch-size";

std::string tokens_file(const TrainOptions& options) { return options.out_dir + "/tokens.bin"; }

DType dtype_of(const TrainOptions& options) {
  return options.dtype == "float64" ? kFloat64 : kFloat32;
}

// MemoryError if the machine cannot train a model of this configuration.
void check_memory(const std::string& config, const TrainOptions& options) {
  const int64_t tokens = options.batch_size * options.block_size;
  check_bytes(models::training_bytes(config, tokens, dtype_of(options)), kAdvice);
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

// A model with random weights, as the options ask for.
std::unique_ptr<models::LanguageModel> fresh_model(const TrainOptions& options,
                                                   const text::Tokenizer& tokenizer) {
  const std::string config = config_of(options, tokenizer);
  check_memory(config, options);
  manual_seed(static_cast<uint64_t>(options.seed));
  auto model = models::make_model(config);
  model->to(dtype_of(options));
  return model;
}

// The saved model becomes the one that the options train.
void take_over(models::LanguageModel& model, const TrainOptions& options) {
  check_memory(model.config_json(), options);
  model.set_dropout(options.dropout);
  model.to(dtype_of(options));
  manual_seed(static_cast<uint64_t>(options.seed));
}

// The directory is made if there is none; whether it was.
bool make_directory(const std::string& directory) {
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
  return is_new;
}

}  // namespace

models::TrainingRun start(TrainOptions& options) {
  std::optional<models::SavedModel> given = initial_model(options.init_from);
  complete(options, given ? given->model.get() : nullptr);
  const Text source = open_text(options.model.text.file);  // before anything is made
  const bool is_new = make_directory(options.out_dir);
  try {
    models::SavedModel begun = given ? std::move(*given) : models::SavedModel{};
    if (!begun.model) begun.tokenizer = fit_tokenizer(options.model.text, source);
    write_token_file(tokens_file(options), *begun.tokenizer, text::TextPieces(source.text),
                     allowed_special(options.allow_special, *begun.tokenizer));
    const text::TokenFile tokens(tokens_file(options));
    models::check_length(tokens, options.block_size);
    if (begun.model) take_over(*begun.model, options);
    else begun.model = fresh_model(options, *begun.tokenizer);
    models::TrainingRun run(std::move(begun.model), std::move(begun.tokenizer), tokens, options);
    run.metadata["options"] = to_json(options);
    return run;
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(tokens_file(options), ignored);
    if (is_new) std::filesystem::remove(options.out_dir, ignored);
    throw;
  }
}

models::TrainingRun resume(TrainOptions& options) {
  const CheckpointDirectory directory(options.out_dir);
  const CheckpointDirectory::Found found = directory.latest();
  for (const std::string& reason : found.damaged) warn(reason);
  try {
    take_saved(options, found.checkpoint.field("options"));
    check_model_type(options);
    models::check_enough(found.checkpoint);
    check_memory(found.checkpoint.field("config"), options);
    const text::TokenFile tokens(tokens_file(options));
    tokens.verify();
    auto run = models::TrainingRun::resume(found.checkpoint, tokens, options);
    run.metadata["options"] = to_json(options);
    return run;
  } catch (IoError& error) {
    error.add_context(directory.file(found.step));
    throw;
  }
}

}  // namespace vitro::cli
