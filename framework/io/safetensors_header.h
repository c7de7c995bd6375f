// The header of a safetensors file: JSON that gives the place of each tensor's bytes.
#pragma once
#include "framework/io/file.h"
#include "framework/io/safetensors.h"

namespace vitro {

struct TensorEntry {
  std::string name;
  DType dtype = kFloat32;
  bool is_float16 = false;  // whether the file has float16, which is read as float32
  Shape shape;
  uint64_t begin = 0, end = 0;  // its bytes [begin, end), counted from the end of the header
  uint64_t element_bytes() const { return is_float16 ? 2 : item_size(dtype); }
};
struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of their bytes, without gaps
  std::map<std::string, std::string> metadata;
};

inline constexpr uint64_t kMostHeaderBytes = 100'000'000;
inline constexpr size_t kLengthBytes = 8;  // bytes before the header, which are its length

// The header's length, from the first bytes of a file of `size` bytes.
uint64_t header_length(std::string_view start, uint64_t size, const std::string& name);
// Parses and checks the header of a file with `data_bytes` bytes after it.
SafetensorsHeader parse_header(std::string_view json, uint64_t data_bytes, const std::string& name);

// The tensors in the order of the file: by size of the elements, largest first, so that all are
// aligned; then by name.
NamedTensors in_file_order(NamedTensors tensors);
// The first bytes of a file with these tensors in this order: the header's length and the header.
std::string header_bytes(const NamedTensors& tensors,
                         const std::map<std::string, std::string>& metadata);
// Writes a whole file, but does not commit it.
void write_safetensors(AtomicFile& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata);

// Reads a model.safetensors.index.json: tensor name -> file name of its shard.
std::map<std::string, std::string> read_shard_index(const std::string& path);

}  // namespace vitro
