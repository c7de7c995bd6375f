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
void complete(TrainOptions& options, const nn::Module* initial);

// The model that completed options ask for.
models::GPTConfig gpt_config_of(const TrainOptions& options, int64_t vocab_size);
optim::LRFormula schedule_of(const TrainOptions& options);

}  // namespace vitro::cli
