// A language model as a checkpoint holds it: weights, configuration, tokenizer.
//
//   save_checkpoint(path, models::to_checkpoint(model, words));
//   models::SavedModel saved = models::load_model(path);
#pragma once
#include "../../framework/io/checkpoint.h"
#include "../language/model_types.h"
#include "../text/tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct SavedModel {
  // In eval mode.  Its vocabulary is larger than the tokenizer's where it is padded.
  std::unique_ptr<LanguageModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;  // null only where none was needed
  int64_t step = 0;  // how many training steps made it; 0 where nobody counted
  std::map<std::string, std::string> metadata;  // all that the checkpoint says of itself
  std::vector<std::string> damaged;  // why newer checkpoints of a directory were passed over
};

// Tensors "model.*", and "config" and "tokenizer" as JSON in the metadata; of a GPT that came from
// Hugging Face's layout also "layout": its config.json and how names begin.
Checkpoint to_checkpoint(LanguageModel& model, const text::Tokenizer& tokenizer);
// IoError for a tokenizer that does not fit a model of so many tokens.  Byte pairs may be fewer by
// a padding: vocabularies are padded to round sizes, and then the model scores tokens that no text
// becomes.
void check_vocabulary(int64_t model, const text::Tokenizer& tokenizer);
// IoError for fewer weights than the configuration asks for; before anything of its sizes is made.
void check_enough(const Checkpoint& checkpoint);
// IoError for what is no checkpoint of a language model, or whose parts do not fit together.
SavedModel from_checkpoint(const Checkpoint& checkpoint);

enum class TokenizerIs { kNeeded, kOptional };

// From a checkpoint file, or from the newest whole one of a run's directory; or, from a directory
// with a config.json, what GPT::from_pretrained and text::BpeTokenizer::load find there, which may
// be no tokenizer where that is optional.  IoError as above, and for a path that is none of these.
SavedModel load_model(const std::string& path, TokenizerIs tokenizer = TokenizerIs::kNeeded);

}  // namespace models
}  // namespace vitro
