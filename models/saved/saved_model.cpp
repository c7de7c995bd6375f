// Loads language models with their tokenizers, and makes checkpoints of them.
#include "models/saved/saved_model.h"

#include <filesystem>

#include "framework/io/config_fields.h"
#include "framework/io/file.h"
#include "models/language/gpt.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::models {

namespace {

namespace fs = std::filesystem;

SavedModel load_pretrained(const std::string& directory, TokenizerIs tokenizer) {
  SavedModel saved;
  if (tokenizer == TokenizerIs::kNeeded || text::has_bpe(directory))
    saved.tokenizer = std::make_unique<text::BpeTokenizer>(text::BpeTokenizer::load(directory));
  auto model = std::make_unique<GPT>(GPT::from_pretrained(directory));
  saved.metadata = {{"config", model->config_json()}};
  saved.model = std::move(model);
  try {
    if (saved.tokenizer) check_vocabulary(saved.model->vocab_size(), *saved.tokenizer);
  } catch (const IoError& error) { fail<IoError>(directory, ": ", error.what()); }
  return saved;
}

SavedModel load_from(const std::string& file, const Checkpoint& checkpoint) {
  try {
    return from_checkpoint(checkpoint);
  } catch (const Error& error) { fail<IoError>(file, ": ", error.what()); }
}

Checkpoint read_file_of(const std::string& path) {
  try {
    return load_checkpoint(path);
  } catch (const IoError&) {
    const fs::path folder = fs::path(path).parent_path();
    check<IoError>(!file_exists(folder / "config.json"), path,
                   ": expected a checkpoint or a directory with config.json, got one file of such "
                   "a directory");
    throw;
  }
}

}  // namespace

void check_vocabulary(int64_t model, const text::Tokenizer& tokenizer) {
  const int64_t more = model - tokenizer.vocab_size();
  const bool may_be_padded = dynamic_cast<const text::BpeTokenizer*>(&tokenizer) != nullptr;
  const bool is_padding = 0 < more && (more <= 128 || (more < 1024 && model % 128 == 0));
  check<IoError>(more == 0 || (may_be_padded && is_padding), "tokenizer: expected ", model,
                 " tokens, as the model has (byte pairs may be fewer if the model is padded), got ",
                 tokenizer.vocab_size());
}

void check_enough(const Checkpoint& checkpoint) {
  const std::string& config = checkpoint.field("config");
  int64_t given = 0, tensors = 0;
  for (const auto& [name, x] : under_prefix("model.", checkpoint.tensors))
    given += x.numel(), ++tensors;
  ConfigFields fields(config, "config");
  const int64_t layers = fields.has("n_layer") ? fields.size("n_layer") : 0;
  check<IoError>(parameter_count(config) <= static_cast<double>(given) && layers <= tensors,
                 "checkpoint: expected the weights that its configuration needs, got fewer: ",
                 given, " numbers in ", tensors, " tensors");
}

Checkpoint to_checkpoint(LanguageModel& model, const text::Tokenizer& tokenizer) {
  Checkpoint all{with_prefix("model.", model.state_dict()), model.metadata()};
  all.metadata["config"] = model.config_json();
  all.metadata["tokenizer"] = tokenizer.to_json();
  return all;
}

SavedModel from_checkpoint(const Checkpoint& checkpoint) {
  SavedModel saved;
  saved.metadata = checkpoint.metadata;
  const std::string& config = checkpoint.field("config");
  const NamedTensors weights = under_prefix("model.", checkpoint.tensors);
  check_enough(checkpoint);
  saved.model = make_model(config, InitialValues::kNone);
  saved.tokenizer = text::parse_tokenizer(checkpoint.field("tokenizer"), "of the checkpoint");
  check_vocabulary(saved.model->vocab_size(), *saved.tokenizer);
  if (!weights.empty()) saved.model->to(weights.front().second.dtype());
  saved.model->load_state_dict(weights);
  saved.model->take_metadata(saved.metadata);
  saved.model->eval();
  if (saved.metadata.contains("step")) saved.step = checkpoint.step();
  return saved;
}

SavedModel load_model(const std::string& path, TokenizerIs tokenizer) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  constexpr const char* kExpected =
      ": expected a run, a checkpoint or a directory with config.json, got ";
  check<IoError>(!error, path, kExpected, "none: ", error.message(), "; nothing is downloaded");
  if (!is_folder) return load_from(path, read_file_of(path));
  const CheckpointDirectory run(path);
  const bool is_run = !run.steps().empty(),
             has_config = file_exists(fs::path(path) / "config.json");
  check<IoError>(is_run || has_config, path, kExpected,
                 "a directory with neither step-*.safetensors nor config.json");
  check<IoError>(
      !is_run || !has_config, path,
      ": expected one model, got a run's step-*.safetensors and a config.json; remove one "
      "of them, or name a step-*.safetensors");
  if (has_config) return load_pretrained(path, tokenizer);
  CheckpointDirectory::Found found = run.latest();
  SavedModel saved = load_from(run.file(found.step), found.checkpoint);
  saved.damaged = std::move(found.damaged);
  return saved;
}

}  // namespace vitro::models
