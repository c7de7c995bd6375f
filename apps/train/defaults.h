// Defaults for `vitro train`, and checks that its options are consistent.
#pragma once
#include <optional>

#include "apps/cli/options.h"

namespace vitro::cli {

// The defaults for a GPT with the sizes of the preset.  TrainOptions{} has those for a MiniLM.
TrainOptions gpt_defaults(const std::string& preset);

// UsageError if the model type does not have one of the given options.
void check_model_type(const TrainOptions& options);

// Fills in the options that were not given.  `initial` is the model to start from, or null.
// UsageError for an option that was given and differs from `initial`, or for values that contradict
// each other.
void complete(TrainOptions& options, const models::LanguageModel* initial);

// The configuration of the model to train, as JSON.  Call complete() first.
std::string config_of(const TrainOptions& options, const text::Tokenizer& tokenizer);

}  // namespace vitro::cli
