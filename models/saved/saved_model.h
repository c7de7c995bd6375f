// SavedModel: a language model with its tokenizer, in a checkpoint or a directory.
//
//   save_checkpoint(path, models::to_checkpoint(model, words));
//   models::SavedModel saved = models::load_model(path);
#pragma once
#include "../../framework/io/checkpoint.h"
#include "../language/model_types.h"
#include "../text/tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// A model that was loaded, with everything that was saved with it.
struct SavedModel {
  // In eval mode.  A padded vocabulary is larger than the tokenizer's.
  std::unique_ptr<LanguageModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;   // null only with TokenizerIs::kOptional
  int64_t step = 0;                             // how many steps it was trained; 0 if unknown
  std::map<std::string, std::string> metadata;  // of the checkpoint
  std::vector<std::string> damaged;  // for each newer checkpoint that was skipped, the reason
};

// A checkpoint has the weights as tensors "model.*", and "config" and "tokenizer" as JSON in its
// metadata.  A GPT that was read from Hugging Face's layout adds "layout": its config.json, and
// whether its tensors' names have a prefix.
Checkpoint to_checkpoint(LanguageModel& model, const text::Tokenizer& tokenizer);
// Throws IoError if the tokenizer does not fit a model with a vocabulary of `model` tokens.  Only a
// byte-pair tokenizer may have fewer tokens than the model, because the vocabularies of models with
// byte-pair tokenizers are often padded to a round size.
void check_vocabulary(int64_t model, const text::Tokenizer& tokenizer);
// Throws IoError if the checkpoint has fewer weights than its configuration needs.  Call it before
// you allocate memory with the sizes of the configuration.
void check_enough(const Checkpoint& checkpoint);
// Makes the model and tokenizer of a checkpoint.  IoError if the checkpoint has no language model,
// or if its parts do not fit together.
SavedModel from_checkpoint(const Checkpoint& checkpoint);

// Whether load_model fails for a directory with config.json but no tokenizer.
enum class TokenizerIs {
  kNeeded,   // it throws IoError
  kOptional  // it returns a model without a tokenizer
};

// Loads a model from a checkpoint file, from a run's directory, or from a directory with
// config.json.  In a run's directory, it takes the newest undamaged checkpoint.  A directory with
// config.json is loaded by GPT::from_pretrained and text::BpeTokenizer::load.  IoError as from
// these functions and from from_checkpoint, and for any other path.
SavedModel load_model(const std::string& path, TokenizerIs tokenizer = TokenizerIs::kNeeded);

}  // namespace models
}  // namespace vitro
