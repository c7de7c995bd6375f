// safetensors files: tensors by name, as Hugging Face keeps them.  Read strictly: a file is whole
// and of one meaning, or it is an IoError that names file, tensor and reason.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "../tensor/named_tensors.h"

namespace [[gnu::visibility("default")]] vitro {

struct Safetensors {
  NamedTensors tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

struct LoadFileOptions {
  // Map the file into memory instead of reading it: for local files that nobody changes meanwhile.
  bool map = false;
};

// All tensors of a .safetensors file, or of the shards that a .safetensors.index.json names;
// float16 as float32.
Safetensors load_safetensors(const std::string& path, const LoadFileOptions& options = {});
// The same of a file's bytes in memory; `name` stands for it in errors.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);

// Replaces `path` by a file of these tensors, as AtomicFile does; equal arguments give equal bytes.
// ValueError for names that are no UTF-8, hold a NUL or occur twice.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace vitro
