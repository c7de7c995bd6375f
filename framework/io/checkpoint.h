// Checkpoints: everything that a training run needs to go on, in one file that is whole or not
// there.
//
// The file is a safetensors file, so other programs can read its tensors.  Its metadata carries an
// XXH3 checksum of all its bytes (the checksum's own sixteen digits taken as zeros).
#pragma once
#include <optional>

#include "safetensors.h"

namespace [[gnu::visibility("default")]] vitro {

struct Checkpoint {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;              // "checksum" is taken
  const std::string& field(const std::string& name) const;  // of the metadata; IoError without it
};

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
// IoError for what is no checkpoint, or has one byte that is not as it was written.
Checkpoint load_checkpoint(const std::string& path);

// Tensors renamed "prefix" + name, and back: those whose name begins with `prefix`, without it.
NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors);
NamedTensors under_prefix(const std::string& prefix, const NamedTensors& tensors);

// The checkpoints of one run: DIRECTORY/step-00000100.safetensors and so on.
class CheckpointDirectory {
 public:
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}

  std::vector<int64_t> steps() const;  // of which there is a file, rising
  std::string file(int64_t step) const;
  // Saves, and then removes all but the newest `keep` (at least 1) and the one of the step
  // `spared`; and what killed saves left.
  void save(int64_t step, const Checkpoint& checkpoint, int64_t keep,
            std::optional<int64_t> spared = {}) const;

  struct Found {
    int64_t step;
    Checkpoint checkpoint;
    std::vector<std::string> damaged;  // why newer ones were passed over
  };
  // The newest that is whole.  IoError if there is none.
  Found latest() const;

 private:
  std::string path_;
};

}  // namespace vitro
