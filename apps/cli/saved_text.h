// Encodes the text that a saved model is evaluated on with the tokenizer of the model.
#pragma once
#include "apps/cli/model_options.h"

namespace vitro::cli {

// The ids of a text, and its name in messages.
struct Tokens {
  std::string name;
  text::TokenFile ids;
};

// A text file, encoded as the run that trained the model encoded its own text.
Tokens given_text(const std::string& text_file, const models::SavedModel& saved);
// The tokens that the model was trained on, from the directory of its run.  ValueError if the model
// does not come from a run of vitro train.
Tokens trained_text(const std::string& model, const models::SavedModel& saved);

}  // namespace vitro::cli
