// Language models in checkpoints.
#include "models/saved/saved_model.h"

#include <charconv>
#include <filesystem>

#include "models/huggingface/gpt2_config.h"
#include "models/huggingface/layout.h"
#include "models/language/config_fields.h"
#include "models/language/model_file.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::models {

namespace {

namespace fs = std::filesystem;

// Before anything of the sizes in a configuration is made.
void check_enough(const NamedTensors& weights, const std::string& config) {
  int64_t given = 0;
  for (const auto& [name, x] : weights) given += x.numel();
  ConfigFields fields(config, "config");
  const int64_t layers = fields.has("n_layer") ? fields.size("n_layer") : 0;
  check<IoError>(
      parameter_count(config) <= static_cast<double>(given) && layers <= std::ssize(weights),
      "load: fewer weights than its configuration asks for: ", given);
}

// Those of byte pairs are padded to round sizes: then the model scores tokens that no text becomes.
void check_vocabulary(int64_t model, const text::Tokenizer& tokenizer) {
  const int64_t more = model - tokenizer.vocab_size();
  const bool may_be_padded = dynamic_cast<const text::BpeTokenizer*>(&tokenizer) != nullptr;
  const bool is_padding = 0 < more && (more <= 128 || (more < 1024 && model % 128 == 0));
  check<IoError>(more == 0 || (may_be_padded && is_padding), "load: a tokenizer of the model's ",
                 model, " tokens, or one of byte pairs with fewer by a padding, expected: it has ",
                 tokenizer.vocab_size());
}

std::string layout_json(const PretrainedLayout& layout) {
  return nlohmann::ordered_json{{"config.json", layout.config_json},
                                {"has_prefix", layout.has_prefix}}
      .dump();
}

std::shared_ptr<const PretrainedLayout> parse_layout(const std::string& json) {
  ConfigFields fields(json, "layout");
  PretrainedLayout layout{.config_json = fields.text("config.json"),
                          .has_prefix = fields.boolean("has_prefix")};
  fields.check_no_others();
  if (!layout.config_json.empty()) parse_gpt2_config(layout.config_json, "layout: config.json");
  return std::make_shared<const PretrainedLayout>(std::move(layout));
}

SavedModel load_pretrained(const std::string& directory, TokenizerIs tokenizer) {
  SavedModel saved{};
  if (tokenizer == TokenizerIs::kNeeded || text::has_bpe(directory))
    saved.tokenizer = std::make_unique<text::BpeTokenizer>(text::BpeTokenizer::load(directory));
  auto model = std::make_unique<GPT>(GPT::from_pretrained(directory));
  saved.vocab_size = model->config.vocab_size;
  saved.window = model->config.block_size;
  saved.metadata = {{"config", to_json(model->config)}};
  saved.model = std::move(model);
  try {
    if (saved.tokenizer) check_vocabulary(saved.vocab_size, *saved.tokenizer);
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
    check<IoError>(!file_exists(folder / "config.json"),
                   "load: a checkpoint, or a directory with config.json, expected: ", path,
                   " is only a file of such a directory");
    throw;
  }
}

}  // namespace

Checkpoint to_checkpoint(nn::Module& model, const std::string& config,
                         const text::Tokenizer& tokenizer) {
  Checkpoint all{with_prefix("model.", model.state_dict()),
                 {{"config", config}, {"tokenizer", tokenizer.to_json()}}};
  if (const auto* gpt = dynamic_cast<const GPT*>(&model); gpt && gpt->layout)
    all.metadata["layout"] = layout_json(*gpt->layout);
  return all;
}

SavedModel from_checkpoint(const Checkpoint& checkpoint) {
  SavedModel saved{};
  const std::string& config = checkpoint.field("config");
  const NamedTensors weights = under_prefix("model.", checkpoint.tensors);
  check_enough(weights, config);
  LanguageModel made = make_model(config, InitialValues::kNone);
  saved.tokenizer = text::parse_tokenizer(checkpoint.field("tokenizer"), "tokenizer");
  check_vocabulary(made.vocab_size, *saved.tokenizer);
  if (!weights.empty()) made.module->to(weights.front().second.dtype());
  made.module->load_state_dict(weights);
  made.module->eval();
  const auto& metadata = saved.metadata = checkpoint.metadata;
  if (auto* gpt = dynamic_cast<GPT*>(made.module.get()); gpt && metadata.contains("layout"))
    gpt->layout = parse_layout(metadata.at("layout"));
  saved.model = std::move(made.module);
  saved.vocab_size = made.vocab_size;
  saved.window = made.window;
  if (const auto step = metadata.find("step"); step != metadata.end())
    std::from_chars(step->second.data(), step->second.data() + step->second.size(), saved.step);
  return saved;
}

SavedModel load_model(const std::string& path, TokenizerIs tokenizer) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  constexpr const char* kExpected =
      "load: a run, a checkpoint or a directory with config.json expected: ";
  check<IoError>(!error, kExpected, path, ": ", error.message(), "; nothing is downloaded");
  if (!is_folder) return load_from(path, read_file_of(path));
  const CheckpointDirectory run(path);
  const bool is_run = !run.steps().empty(),
             has_config = file_exists(fs::path(path) / "config.json");
  check<IoError>(is_run || has_config, kExpected, path,
                 " has neither step-*.safetensors nor config.json");
  check<IoError>(!is_run || !has_config, "load: one model expected: ", path,
                 " has a run's step-*.safetensors and a config.json; take one of them away, or "
                 "name a step-*.safetensors");
  if (has_config) return load_pretrained(path, tokenizer);
  CheckpointDirectory::Found found = run.latest();
  SavedModel saved = load_from(run.file(found.step), found.checkpoint);
  saved.damaged = std::move(found.damaged);
  return saved;
}

}  // namespace vitro::models
