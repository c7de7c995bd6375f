// Encodes a text with the tokenizer of a saved model, to evaluate the model on it.
#pragma once
#include "apps/cli/model_options.h"

namespace vitro::cli {

// The ids of a text, and its name in messages.
struct Tokens {
  std::string name;
  text::TokenFile ids;
};

// The tokens of a text file.  Special tokens are allowed if the model's run allowed them.
Tokens given_text(const std::string& text_file, const models::SavedModel& saved);
// The tokens that the model was trained on: tokens.bin in the directory of its run, or the text of
// the run, encoded again.  ValueError if the model does not come from a run of vitro train.
Tokens trained_text(const std::string& model, const models::SavedModel& saved);

}  // namespace vitro::cli
