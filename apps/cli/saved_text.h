// The texts that a saved model is tried on, as ids of its own vocabulary.
#pragma once
#include "apps/cli/model_options.h"

namespace vitro::cli {

// The ids of a text, and what it is called.
struct Tokens {
  std::string name;
  text::TokenFile ids;
};

// A file in the tokens that the model's run would make of it.
Tokens given_text(const std::string& text_file, const models::SavedModel& saved);
// What the model was trained on, as its run has it.  ValueError for one that no run made.
Tokens trained_text(const std::string& model, const models::SavedModel& saved);

}  // namespace vitro::cli
