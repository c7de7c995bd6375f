// From the options of `vitro train` to a run that can go on.
#pragma once
#include "apps/cli/options.h"

namespace vitro::cli {

// A run in a directory that has none: ValueError if there is one.  Completes the options.
models::TrainingRun start(TrainOptions& options);
// The run in the directory, as its newest whole checkpoint has it.  An option that was not given is
// taken from there.  ValueError for one that was given with another value; it names the option.
models::TrainingRun resume(TrainOptions& options);

}  // namespace vitro::cli
