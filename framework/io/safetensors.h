// Reads and writes safetensors files, Hugging Face's format of named tensors.  Reading is strict:
// an incomplete or ambiguous file is an IoError with file, tensor and reason.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "../tensor/named_tensors.h"

namespace [[gnu::visibility("default")]] vitro {

// The contents of a file.
struct Safetensors {
  NamedTensors tensors;                         // in the order of their bytes in the file
  std::map<std::string, std::string> metadata;  // texts by name
};

// Options of load_safetensors().
struct LoadFileOptions {
  // Whether to map the file into memory instead of reading it.  Only for local files that nobody
  // changes while the tensors exist.
  bool map = false;
};

// Loads all tensors of a .safetensors file, or of the shards that a .safetensors.index.json names.
// float16 becomes float32.
Safetensors load_safetensors(const std::string& path, const LoadFileOptions& options = {});
// Does the same with the bytes of one file, which errors call `name`.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);

// Replaces `path` by a file of these tensors, as AtomicFile does.  Equal arguments give equal
// bytes.  ValueError for a name that is not UTF-8, has a NUL, is "__metadata__" or occurs twice.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace vitro
