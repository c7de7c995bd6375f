// A language model as a checkpoint holds it: weights, configuration, tokenizer.
//
//   save_checkpoint(path, models::to_checkpoint(model, to_json(model.config), words));
//   models::SavedModel saved = models::load_model(path);
#pragma once
#include "../../framework/io/checkpoint.h"
#include "../../framework/nn/module.h"
#include "../text/tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

struct SavedModel {
  std::unique_ptr<nn::Module> model;           // in eval mode; ids (..., T) -> logits (..., T, V)
  std::unique_ptr<text::Tokenizer> tokenizer;  // null only where none was needed
  int64_t vocab_size;  // the model's: more than the tokenizer's where it is padded
  int64_t window;      // how many tokens back it looks
  int64_t step;        // how many training steps made it; 0 where nobody counted
  std::map<std::string, std::string> metadata;  // all that the checkpoint says of itself
  std::vector<std::string> damaged;  // why newer checkpoints of a directory were passed over
};

// Tensors "model.*", and "config" and "tokenizer" as JSON in the metadata; of a GPT that came from
// Hugging Face's layout also "layout": its config.json and how names begin.
Checkpoint to_checkpoint(nn::Module& model, const std::string& config,
                         const text::Tokenizer& tokenizer);
// IoError for what is no checkpoint of a language model, or whose parts do not fit together.
SavedModel from_checkpoint(const Checkpoint& checkpoint);

enum class TokenizerIs { kNeeded, kOptional };

// From a checkpoint file, or from the newest whole one of a run's directory; or, from a directory
// with a config.json, what GPT::from_pretrained and text::BpeTokenizer::load find there, which may
// be no tokenizer where that is optional.  IoError as above, and for a path that is none of these.
SavedModel load_model(const std::string& path, TokenizerIs tokenizer = TokenizerIs::kNeeded);

}  // namespace models
}  // namespace vitro
