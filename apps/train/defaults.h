// What a training run does where the command line does not say it, and what it cannot do.
#pragma once
#include <optional>

#include "apps/cli/options.h"

namespace vitro::cli {

// Of a GPT made like the preset; TrainOptions{} are a MiniLM's.
TrainOptions gpt_defaults(const std::string& preset);

// UsageError for a given option that the model type has not.
void check_model_type(const TrainOptions& options);

// Fills in what was not given.  ValueError for an option that was given and is not as in `initial`,
// the model to go on from, if there is one; UsageError for values that do not fit each other.
void complete(TrainOptions& options, const models::LanguageModel* initial);

// The configuration, as JSON, of the model that completed options ask for.
std::string config_of(const TrainOptions& options, const text::Tokenizer& tokenizer);

}  // namespace vitro::cli
