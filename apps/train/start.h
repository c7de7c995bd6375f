// Starts or resumes a training run for `vitro train`.
#pragma once
#include <memory>

#include "apps/cli/options.h"
#include "framework/io/lock.h"

namespace vitro::cli {

// A run, and the lock that keeps other processes out of its directory.
struct StartedRun {
  std::unique_ptr<LockFile> lock;  // outlives the run
  models::TrainingRun run;
  std::string note;  // a remark for the user; may be empty
};

// Both functions throw IoError, before they change a file, if another process trains in --out-dir.

// Starts a run.  Fills in the options that were not given.  ValueError if --out-dir has a run.
StartedRun start(TrainOptions& options);
// Resumes the run in --out-dir from its newest undamaged checkpoint.  Options that were not given
// take their value from there; UsageError if an option was given with another value and may not
// change.  Makes a missing tokens.bin again from the text.
StartedRun resume(TrainOptions& options);

}  // namespace vitro::cli
