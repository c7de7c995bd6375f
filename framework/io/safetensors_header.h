// The header of a safetensors file: JSON that says where each tensor's bytes lie.
#pragma once
#include "framework/io/file.h"
#include "framework/io/safetensors.h"

namespace vitro {

struct TensorEntry {
  std::string name;
  DType dtype = kFloat32;
  bool is_float16 = false;  // in the file; then dtype is float32, as which it is read
  Shape shape;
  uint64_t begin = 0, end = 0;  // of its bytes, behind the header
  uint64_t element_bytes() const { return is_float16 ? 2 : item_size(dtype); }
};
struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of their bytes, which they cover exactly
  std::map<std::string, std::string> metadata;
};

inline constexpr uint64_t kMostHeaderBytes = 100'000'000;
inline constexpr size_t kLengthBytes = 8;  // of the header's length, before it

// The header's length, from the first bytes of a file of `size` bytes.
uint64_t header_length(std::string_view start, uint64_t size, const std::string& name);
SafetensorsHeader parse_header(std::string_view json, uint64_t data_bytes, const std::string& name);

// Sorted as the writer stores them: wide elements first, so that all are aligned, then by name.
NamedTensors in_file_order(NamedTensors tensors);
// Length and header for tensors in this order.
std::string header_bytes(const NamedTensors& tensors,
                         const std::map<std::string, std::string>& metadata);
// All of a file but its commit.
void write_safetensors(AtomicFile& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata);

// Name -> shard of a model.safetensors.index.json.
std::map<std::string, std::string> read_shard_index(const std::string& path);

}  // namespace vitro
