// From the options of `vitro train` to a run that can go on.
#pragma once
#include <memory>

#include "apps/cli/options.h"
#include "framework/io/lock.h"

namespace vitro::cli {

// A run, and the lock that keeps other processes out of its directory.
struct StartedRun {
  std::unique_ptr<LockFile> lock;  // outlives the run
  models::TrainingRun run;
  std::string note;  // what its user should know; may be empty
};

// A run in a directory that has none: ValueError if there is one.  Completes the options.  IoError,
// before anything is touched, if another process trains in the directory; so with resume.
StartedRun start(TrainOptions& options);
// The run in the directory, as its newest whole checkpoint has it.  An option that was not given is
// taken from there.  ValueError for one that was given with another value; it names the option.
// A tokens.bin that is missing is made again from the text.
StartedRun resume(TrainOptions& options);

}  // namespace vitro::cli
