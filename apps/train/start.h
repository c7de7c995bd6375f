// From the options of `vitro train` to a run that can go on.
#pragma once
#include "apps/cli/options.h"

namespace vitro::cli {

// A run in a directory that has none: ValueError if there is one.  Completes the options.
models::TrainingRun start(TrainOptions& options);
// The run in the directory, as its newest whole checkpoint has it.  Options that were not given are
// taken from there; ValueError names one that was given and is another.
models::TrainingRun resume(TrainOptions& options);

}  // namespace vitro::cli
