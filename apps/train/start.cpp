// Starts and resumes training runs.
#include "apps/train/start.h"

#include <filesystem>

#include "apps/cli/internals.h"
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/train/defaults.h"
#include "apps/train/options.h"
#include "framework/io/file.h"

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

// The model that --init-from names, if it is given.
std::optional<models::SavedModel> initial_model(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  check<ValueError>(
      path != "resume" || std::filesystem::exists(path, ignored),
      "--init-from: expected a saved model, got resume; --resume continues the run in "
      "--out-dir");
  return load_saved(path);
}

// A model with random weights.
std::unique_ptr<models::LanguageModel> fresh_model(const TrainOptions& options,
                                                   const text::Tokenizer& tokenizer) {
  const std::string config = config_of(options, tokenizer);
  check_memory(config, options);
  manual_seed(static_cast<uint64_t>(options.seed));
  auto model = models::make_model(config);
  model->to(dtype_of(options));
  return model;
}

// Prepares a saved model for training with the options.
void take_over(models::LanguageModel& model, const TrainOptions& options) {
  check_memory(model.config_json(), options);
  model.set_dropout(options.dropout);
  model.to(dtype_of(options));
  manual_seed(static_cast<uint64_t>(options.seed));
}

// IoError if another process trains there.
std::unique_ptr<LockFile> lock_directory(const std::string& directory) {
  auto lock = std::make_unique<LockFile>(directory + "/vitro.lock");
  check<IoError>(lock->is_held(), directory,
                 ": another run trains in this directory; wait for its end, or choose another "
                 "--out-dir");
  return lock;
}

void check_unused(const std::string& directory) {
  const std::vector<int64_t> there = CheckpointDirectory(directory).steps();
  check<ValueError>(there.empty(), directory, ": expected a directory without a run, got a run of ",
                    there.empty() ? 0 : there.back(),
                    " steps; continue it with --resume, or choose another --out-dir");
  check<ValueError>(!file_exists(directory + "/config.json"), directory,
                    ": expected a directory without a model, got one in Hugging Face's format; "
                    "choose another --out-dir");
}

// ValueError unless the training part of the text has more than `block_size` tokens, and the
// validation part, the last tenth, at least two.
void check_long_enough(const text::TokenFile& tokens, int64_t block_size, const std::string& name) {
  try {
    models::check_length(tokens, block_size);
  } catch (const ValueError&) {
    constexpr int64_t kLeast = 20;  // for two tokens in the last tenth
    const int64_t need = std::max(kLeast, block_size + 1 + block_size / 9);
    fail<ValueError>(name, ": expected at least ", need, " tokens for --block-size ", block_size,
                     ", got ", tokens.size(), "; give a longer text",
                     need > kLeast ? " or a smaller --block-size" : "");
  }
}

// Starts a run in a directory that exists and is locked.
models::TrainingRun new_run(TrainOptions& options, std::optional<models::SavedModel> given,
                            const Text& source) {
  models::SavedModel begun = given ? std::move(*given) : models::SavedModel{};
  if (!begun.model) begun.tokenizer = fit_tokenizer(options.model.text, source);
  write_token_file(tokens_file(options), *begun.tokenizer, text::TextPieces(source.text),
                   allowed_special(options.allow_special, *begun.tokenizer));
  const text::TokenFile tokens(tokens_file(options));
  check_long_enough(tokens, options.block_size, source.name);
  if (begun.model) take_over(*begun.model, options);
  else begun.model = fresh_model(options, *begun.tokenizer);
  models::TrainingRun run(std::move(begun.model), std::move(begun.tokenizer), tokens, options);
  run.metadata["options"] = to_json(options);
  return run;
}

// Makes tokens.bin from the text again.  IoError if the tokens are not those of the run.
void make_tokens_again(const TrainOptions& options, const Checkpoint& checkpoint) {
  const std::string file = tokens_file(options), &text = options.model.text.file;
  try {
    check<IoError>(options.given.contains("text") || !is_gone(text), text,
                   ": the text came through a pipe");
    const Text source = open_text(text);
    const auto tokenizer = text::parse_tokenizer(checkpoint.field("tokenizer"), "tokenizer");
    write_token_file(file, *tokenizer, text::TextPieces(source.text),
                     allowed_special(options.allow_special, *tokenizer));
    if (text::TokenFile(file).checksum() == models::tokens_checksum_of(checkpoint)) return;
    remove_file(file);
    fail<IoError>(source.name, ": it is not the text that the run was started with");
  } catch (const MemoryError&) { throw; } catch (const Error& error) {
    fail<IoError>(file,
                  ": it is missing and cannot be made again: ", without_internals(error.what()),
                  "; give the text: vitro train TEXT --resume --out-dir ", options.out_dir);
  }
}

}  // namespace

StartedRun start(TrainOptions& options) {
  std::optional<models::SavedModel> given = initial_model(options.init_from);
  complete(options, given ? given->model.get() : nullptr);
  const Text source = open_text(options.model.text.file);  // may throw, so before files are made
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(options.out_dir, error);
  check<IoError>(!error, options.out_dir, ": cannot be the --out-dir: ", error.message());
  std::unique_ptr<LockFile> lock = lock_directory(options.out_dir);
  check_unused(options.out_dir);
  try {
    models::TrainingRun run = new_run(options, std::move(given), source);
    return {std::move(lock), std::move(run), source.note.empty() ? "" : "text: " + source.note};
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(tokens_file(options), ignored);
    lock.reset();
    if (is_new) std::filesystem::remove(options.out_dir, ignored);
    throw;
  }
}

StartedRun resume(TrainOptions& options) {
  std::error_code ignored;
  check<IoError>(std::filesystem::exists(options.out_dir, ignored), options.out_dir,
                 ": expected a run of vitro train, got no such directory; name the run with "
                 "--out-dir, or start one without --resume");
  const CheckpointDirectory directory(options.out_dir);
  if (directory.steps().empty()) directory.latest();  // throws: there is no checkpoint
  std::unique_ptr<LockFile> lock = lock_directory(options.out_dir);
  const CheckpointDirectory::Found found = directory.latest();
  for (const std::string& reason : found.damaged) warn(reason);
  const bool has_tokens = file_exists(tokens_file(options));
  try {
    take_saved(options, found.checkpoint.field("options"), /*has_text=*/has_tokens);
    check_model_type(options);
    models::check_enough(found.checkpoint);
    check_memory(found.checkpoint.field("config"), options);
    if (!has_tokens) make_tokens_again(options, found.checkpoint);
    const text::TokenFile tokens(tokens_file(options));
    tokens.verify();
    auto run = models::TrainingRun::resume(found.checkpoint, tokens, options);
    run.metadata["options"] = to_json(options);
    return {std::move(lock), std::move(run),
            has_tokens ? "" : tokens_file(options) + " was missing and was made again"};
  } catch (IoError& error) {
    error.add_context(directory.file(found.step));
    throw;
  }
}

}  // namespace vitro::cli
