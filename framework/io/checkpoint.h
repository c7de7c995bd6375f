// Checkpoints: one file with everything that a training run needs to continue.
//
// A save replaces the whole file or changes nothing.  The file is a safetensors file, so other
// programs can read its tensors.  Its metadata has an XXH3 checksum of all bytes, for which the 16
// digits of the checksum itself are replaced by zeros.
#pragma once
#include <optional>

#include "safetensors.h"

namespace [[gnu::visibility("default")]] vitro {

// The contents of a checkpoint file.
struct Checkpoint {
  NamedTensors tensors;                         // such as weights and the optimizer's state
  std::map<std::string, std::string> metadata;  // texts by name; the name "checksum" is reserved
  const std::string& field(const std::string& name) const;  // metadata[name]; IoError if missing
  // The field "step", the number of training steps.  IoError for no number of at least 0.
  int64_t step() const;
};

// Replaces the file at `path` by the checkpoint, as AtomicFile does.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
// IoError if the file is not a checkpoint, or if any byte of it has changed since the save.
Checkpoint load_checkpoint(const std::string& path);

// The tensors, renamed to prefix + name.
NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors);
// The tensors with names that begin with `prefix`, renamed without it.
NamedTensors under_prefix(const std::string& prefix, const NamedTensors& tensors);

// The checkpoints of one run: DIRECTORY/step-00000100.safetensors and so on.
class CheckpointDirectory {
 public:
  // Only stores the path.  The directory must exist when another function is called.
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}

  std::vector<int64_t> steps() const;    // the steps that have a file, in rising order
  std::string file(int64_t step) const;  // the path of a step's file
  // Saves the checkpoint, and then removes the files of all steps but the newest `keep` (at least
  // 1), `step` and `spared`.  Also removes the temporary files of killed saves.
  void save(int64_t step, const Checkpoint& checkpoint, int64_t keep,
            std::optional<int64_t> spared = {}) const;

  // The result of latest().
  struct Found {
    int64_t step;                      // its step
    Checkpoint checkpoint;             // its contents
    std::vector<std::string> damaged;  // for each newer file, the error that it gave
  };
  // The newest checkpoint that is not damaged.  IoError if there is none.
  Found latest() const;

 private:
  std::string path_;
};

}  // namespace vitro
