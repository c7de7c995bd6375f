// Language models in checkpoints.
#include "models/saved_model.h"

#include <charconv>
#include <filesystem>

#include "models/model_file.h"
#include "models/text/bpe_tokenizer.h"

namespace vitro::models {

namespace {

const std::string& field(const Checkpoint& checkpoint, const std::string& name) {
  const auto found = checkpoint.metadata.find(name);
  check<IoError>(found != checkpoint.metadata.end(),
                 "load: the checkpoint of a language model expected: it has no ", name);
  return found->second;
}

// Before anything of the sizes in a configuration is made.
void check_enough(const nn::NamedTensors& weights, double wanted) {
  int64_t given = 0;
  for (const auto& [name, x] : weights) given += x.numel();
  check<IoError>(wanted <= static_cast<double>(given),
                 "load: fewer weights than its configuration asks for: ", given);
}

// The model without the tokens from `count` on, which nothing is ever encoded as: vocabularies are
// padded to round sizes, and a text could not hold what the padding stands for.
void drop_padding(GPT& model, int64_t count) {
  NoGradGuard unrecorded;
  const auto rows = [&](const Tensor& x) {
    return narrow(x, 0, 0, count).clone().requires_grad_();
  };
  model.wte.weight = rows(model.wte.weight);
  model.lm_head.weight = model.config.tied_head ? model.wte.weight : rows(model.lm_head.weight);
  model.config.vocab_size = count;
}

SavedModel load_pretrained(const std::string& directory) {
  auto tokenizer = std::make_unique<text::BpeTokenizer>(text::BpeTokenizer::load(directory));
  auto model = std::make_unique<GPT>(GPT::from_pretrained(directory));
  const int64_t tokens = tokenizer->vocab_size();
  check<IoError>(tokens <= model->config.vocab_size, directory, ": load: a tokenizer of at most ",
                 model->config.vocab_size, " tokens expected, as the model has: ", tokens);
  if (tokens < model->config.vocab_size) drop_padding(*model, tokens);
  SavedModel saved{};
  saved.window = model->config.block_size;
  saved.metadata = {{"config", to_json(model->config)}};
  saved.model = std::move(model);
  saved.tokenizer = std::move(tokenizer);
  return saved;
}

}  // namespace

Checkpoint to_checkpoint(nn::Module& model, const std::string& config,
                         const text::Tokenizer& tokenizer) {
  return {with_prefix("model.", model.state_dict()),
          {{"config", config}, {"tokenizer", tokenizer.to_json()}}};
}

SavedModel load_model(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path + "/config.json", ignored)) return load_pretrained(path);
  SavedModel saved{};
  std::string file = path;
  Checkpoint checkpoint;
  if (std::filesystem::is_directory(path, ignored)) {
    auto found = CheckpointDirectory(path).latest();
    file = CheckpointDirectory(path).file(found.step);
    checkpoint = std::move(found.checkpoint);
    saved.damaged = std::move(found.damaged);
  } else {
    checkpoint = load_checkpoint(path);
  }
  try {
    const std::string& config = field(checkpoint, "config");
    const nn::NamedTensors weights = under_prefix("model.", checkpoint.tensors);
    check_enough(weights, parameter_count(config));
    LanguageModel made = make_model(config, InitialValues::kNone);
    saved.tokenizer = text::parse_tokenizer(field(checkpoint, "tokenizer"), "tokenizer");
    check<IoError>(saved.tokenizer->vocab_size() == made.vocab_size, "load: a vocabulary of ",
                   made.vocab_size, " tokens expected: the tokenizer has ",
                   saved.tokenizer->vocab_size());
    if (!weights.empty()) made.module->to(weights.front().second.dtype());
    made.module->load_state_dict(weights);
    made.module->eval();
    saved.model = std::move(made.module);
    saved.window = made.window;
    saved.metadata = std::move(checkpoint.metadata);
    if (const auto step = saved.metadata.find("step"); step != saved.metadata.end())
      std::from_chars(step->second.data(), step->second.data() + step->second.size(), saved.step);
  } catch (Error& error) { fail<IoError>(file, ": ", error.what()); }
  return saved;
}

}  // namespace vitro::models
